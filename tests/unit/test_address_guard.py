"""The address guard against a hostile corpus: addresses, URL spellings, redirects of meaning."""

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pilotlight.adapters.web.guard import Policy, admit, is_public, parse
from pilotlight.errors import FetchFailed

PRODUCTION = Policy()
LOCAL = Policy(allow_loopback=True)

HOSTILE_ADDRESSES = [
    "0.0.0.0",
    "0.1.2.3",
    "10.1.1.1",
    "100.64.0.1",
    "100.127.255.254",
    "169.254.169.254",
    "168.63.129.16",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:db8::1",
    "2002:a9fe:a9fe::1",
    "2002:7f00:1::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
LOOPBACK = ["127.0.0.1", "127.255.255.254", "127.8.8.8", "::1"]
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "172.15.255.255",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
]


def refused(call) -> str:
    with pytest.raises(FetchFailed) as caught:
        call()
    return caught.value.reason


@pytest.mark.parametrize("policy", [PRODUCTION, LOCAL], ids=["production", "local"])
@pytest.mark.parametrize("address", HOSTILE_ADDRESSES)
def test_no_hostile_address_is_admitted_in_any_mode(address, policy):
    target = parse("https://example.org/", policy)

    assert refused(lambda: admit(target, [address], policy)) == "refused_address"


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_is_admitted_in_local_mode_and_nowhere_else(address):
    target = parse("http://example.org/", LOCAL)

    assert admit(target, [address], LOCAL) == (ipaddress.ip_address(address),)
    assert refused(lambda: admit(target, [address], PRODUCTION)) == "refused_address"


@pytest.mark.parametrize("policy", [PRODUCTION, LOCAL], ids=["production", "local"])
@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_admitted(address, policy):
    target = parse("https://example.org/", policy)

    assert admit(target, [address], policy) == (ipaddress.ip_address(address),)


def test_the_standard_librarys_own_judgement_would_not_have_been_enough():
    fooled = [a for a in HOSTILE_ADDRESSES if ipaddress.ip_address(a).is_global]

    assert fooled
    assert not [a for a in fooled if is_public(ipaddress.ip_address(a))]


@pytest.mark.parametrize(
    "answers", [["8.8.8.8", "10.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["8.8.8.8", "::1"]]
)
def test_one_private_answer_among_public_ones_refuses_the_name(answers):
    target = parse("https://example.org/", PRODUCTION)

    assert refused(lambda: admit(target, answers, PRODUCTION)) == "refused_address"


def test_a_private_answer_hidden_behind_eight_public_ones_is_still_seen():
    target = parse("https://example.org/", PRODUCTION)
    public = [f"8.8.8.{n}" for n in range(1, 12)]

    assert len(admit(target, public, PRODUCTION)) == 8
    assert refused(lambda: admit(target, [*public, "10.0.0.1"], PRODUCTION)) == "refused_address"


def test_a_name_without_answers_is_unreachable():
    target = parse("https://example.org/", PRODUCTION)

    assert refused(lambda: admit(target, [], PRODUCTION)) == "unreachable"


@pytest.mark.parametrize("answer", ["", "not an address", "2130706433", "1.2.3"])
def test_an_answer_that_is_no_address_is_refused(answer):
    target = parse("https://example.org/", PRODUCTION)

    assert refused(lambda: admit(target, [answer], PRODUCTION)) == "refused_address"


HOSTILE_URLS = [
    "",
    "example.org",
    "//example.org/",
    "https:/example.org/",
    "https:///path",
    "https://",
    "ftp://example.org/",
    "file:///etc/passwd",
    "gopher://example.org:70/",
    "javascript:alert(1)",
    "data:text/plain,hello",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "https://user@example.org/",
    "https://user:secret@example.org/",
    "https://example.org@169.254.169.254/",
    "https://example.org:8080/",
    "https://example.org:22/",
    "https://example.org:0/",
    "https://example.org:65536/",
    "https://example.org:00000443/",
    "https://example.org:-1/",
    "https://example.org:+443/",
    "https://example.org:4_4_3/",
    "https://example.org:٤٤٣/",
    "https://example.org:/",
    "https://example.org:443:443/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0x7f.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://1.2.3/",
    "https://1.2.3.4.5/",
    "https://256.1.1.1/",
    "https://example.0x7f/",
    "https://[example.org]/",
    "https://[127.0.0.1]/",
    "https://[169.254.169.254]/",
    "https://[::1/",
    "https://::1/",
    "https://[::1]x/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[v1.example]/",
    "https://[]/",
    "https://exa%6dple.org/",
    "https://%31%32%37.0.0.1/",
    "https://example.org%00.evil.test/",
    "https://example.org\x00/",
    "https://example.org/\r\nX-Evil: 1",
    "https://example.org/\tx",
    "https://exam\nple.org/",
    " https://example.org/",
    "https://example.org/ ",
    "https://exa mple.org/",
    "https://example.org\\@evil.test/",
    "https:\\\\example.org/",
    "https://example..org/",
    "https://.example.org/",
    "https://example.org./",
    "https://example.org,evil.test/",
    "https://example.org;evil.test/",
    "https://{metadata}/",
    "https://stra\u00dfe.de/",
    "https://127\u30020\u30020\u30021/",
    "https://exam\u200bple.org/",
    "https://example.org/\u2028",
    "https://\ud800.org/",
    "https://" + "a" * 64 + ".org/",
    "https://" + "a." * 130 + "org/",
    "https://example.org/" + "a" * 9000,
]


@pytest.mark.parametrize("url", HOSTILE_URLS, ids=ascii)
def test_no_unusual_url_is_read(url):
    assert refused(lambda: parse(url, PRODUCTION)) == "bad_url"


LOCAL_ONLY_PORTS = {
    "https://example.org:8080/",
    "https://example.org:22/",
}


@pytest.mark.parametrize("url", sorted(set(HOSTILE_URLS) - LOCAL_ONLY_PORTS), ids=ascii)
def test_local_mode_reads_no_unusual_url_either(url):
    assert refused(lambda: parse(url, LOCAL)) == "bad_url"


@pytest.mark.parametrize(
    "host", ["①②⑦.⓪.⓪.①", "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "127.0.0.1"]
)
def test_pretty_digits_are_folded_before_the_address_is_judged(host):
    target = parse(f"https://{host}/", PRODUCTION)

    assert target.host == "127.0.0.1"
    assert refused(lambda: admit(target, [str(target.literal)], PRODUCTION)) == "refused_address"


@pytest.mark.parametrize("url", ["http://example.org:8080/", "https://8.8.8.8:8443/"])
def test_in_local_mode_odd_ports_are_for_loopback_only(url):
    target = parse(url, LOCAL)

    assert refused(lambda: admit(target, ["8.8.8.8"], LOCAL)) == "refused_address"
    assert admit(target, ["127.0.0.1"], LOCAL)


def test_plain_http_can_be_forbidden_without_forbidding_it_to_loopback():
    sealed = Policy(allow_plain_http=False)
    sealed_local = Policy(allow_plain_http=False, allow_loopback=True)

    assert refused(lambda: parse("http://example.org/", sealed)) == "bad_url"
    target = parse("http://example.org/", sealed_local)
    assert refused(lambda: admit(target, ["8.8.8.8"], sealed_local)) == "refused_address"
    assert admit(target, ["127.0.0.1"], sealed_local)
    assert admit(parse("https://example.org/", sealed_local), ["8.8.8.8"], sealed_local)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://example.org", "example.org", 443, "/", "example.org"),
        ("HTTPS://EXAMPLE.ORG/A", "example.org", 443, "/A", "example.org"),
        ("http://example.org:443/", "example.org", 443, "/", "example.org:443"),
        ("https://example.org?a=1#f", "example.org", 443, "/?a=1", "example.org"),
        ("https://example.org/a b/ü.png", "example.org", 443, "/a%20b/%C3%BC.png", "example.org"),
        ("https://example.org/%2e%2E/x", "example.org", 443, "/%2e%2E/x", "example.org"),
        ("https://müller.de/", "xn--mller-kva.de", 443, "/", "xn--mller-kva.de"),
        ("https://my_host.test/", "my_host.test", 443, "/", "my_host.test"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/", "8.8.8.8"),
        ("https://[2606:4700::1]:443/x", "2606:4700::1", 443, "/x", "[2606:4700::1]"),
    ],
)
def test_ordinary_urls_are_read(url, host, port, path, authority):
    target = parse(url, PRODUCTION)

    assert (target.host, target.port, target.path) == (host, port, path)
    assert target.authority == authority
    assert parse(target.url, PRODUCTION) == target


def test_a_refusal_never_names_an_address():
    target = parse("https://intranet.test/", PRODUCTION)

    with pytest.raises(FetchFailed) as caught:
        admit(target, ["10.11.12.13"], PRODUCTION)
    assert "10.11" not in str(caught.value)
    assert "10.11" not in repr(caught.value.details)


PIECES = st.sampled_from(
    [
        *("https://", "http://", "//", "@", ":", "443", "[", "]", "::1", "127.0.0.1", ".", "%"),
        *("0x7f", "example", "org", "xn--", "-", "ü", "①", "ß", "/", "?", "#", "\\", "\n", " "),
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join), st.text().map("https://{}".format)))
@example("https://xn--/")
@example("https://xn--ls8h.la/")
@example("http://:80/")
def test_whatever_is_given_is_refused_or_read_the_same_way_twice(url):
    try:
        target = parse(url, LOCAL)
    except FetchFailed:
        return  # and any other exception fails the test
    assert parse(target.url, LOCAL) == target
    assert target.url.isascii()
    assert target.url.isprintable()
    assert "@" not in target.authority
    assert " " not in target.url
