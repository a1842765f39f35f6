"""The fetcher against polite and hostile servers, over real sockets."""

import hashlib

import pytest

from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.web.fetcher import GuardedFetcher
from pilotlight.adapters.web.guard import Policy
from pilotlight.adapters.web.outbound import Outbound
from pilotlight.errors import FetchFailed
from pilotlight.settings import FetchSettings
from tests.contract.http_servers import (
    DEADLINE_S,
    drip,
    hold,
    only_loopback,
    recorded_connects,
    reply,
    serving,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
MIB = 1024 * 1024


def fetcher(*, policy=None, resolve=None, **settings) -> GuardedFetcher:
    more = {"resolve": resolve} if resolve else {}
    outbound = Outbound(policy=policy or Policy(allow_loopback=True), **more)
    return GuardedFetcher(outbound, FetchSettings(**settings), SystemClock())


@pytest.fixture
def fetch(tmp_path):
    def call(url, *, kind="image", max_bytes=MIB, **settings):
        return fetcher(**settings).fetch(url, kind=kind, max_bytes=max_bytes, into=tmp_path)

    return call


@pytest.fixture
def refused(fetch, tmp_path):
    """The reason of the failure; nothing may be left in the folder."""

    def call(url, **how) -> str:
        with pytest.raises(FetchFailed) as caught:
            fetch(url, **how)
        assert list(tmp_path.iterdir()) == []
        return caught.value.reason

    return call


def test_a_file_is_kept_with_its_digest_and_the_type_its_bytes_prove(fetch, tmp_path):
    with serving(reply(200, PNG, Content_Type="text/html")) as server:
        fetched = fetch(server.url("/my%20cat.png?size=1"))

    assert fetched.path.parent == tmp_path
    assert fetched.path.read_bytes() == PNG
    assert fetched.size == len(PNG)
    assert fetched.sha256 == hashlib.sha256(PNG).hexdigest()
    assert fetched.content_type == "image/png"
    assert fetched.file_name == "my cat.png"
    assert server.received[0].headers["accept-encoding"] == "identity"


def test_two_fetches_of_one_url_make_two_files(fetch):
    with serving(reply(200, PNG)) as server:
        assert fetch(server.url()).path != fetch(server.url()).path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "file"),
        ("/..", "file"),
        ("/a/%2e%2e%2fetc%2fpasswd", "etcpasswd"),
        ("/x%0d%0aSet-Cookie:a.png", "xSet-Cookiea.png"),
        ("/" + "n" * 300 + ".png", "n" * 100),
    ],
)
def test_the_file_name_is_harmless_whatever_the_url_says(fetch, path, name):
    with serving(reply(200, PNG)) as server:
        assert fetch(server.url(path)).file_name == name


def test_a_chunked_body_is_put_together(fetch):
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (PNG[:10], PNG[10:]))

    def chunked(handler, _receiver):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        handler.wfile.write(chunks + b"0\r\n\r\n")

    with serving(chunked) as server:
        assert fetch(server.url()).path.read_bytes() == PNG


def chain(hops: int):
    """``/3`` leads to ``/2`` and so on; ``/0`` is the picture."""

    def answer(handler, receiver):
        left = int(handler.path.strip("/"))
        if left == 0:
            reply(200, PNG)(handler, receiver)
        else:
            reply(307, Location=f"/{left - 1}")(handler, receiver)

    return f"/{hops}", answer


def test_three_redirects_are_followed(fetch):
    path, answer = chain(3)
    with serving(answer) as server:
        assert fetch(server.url(path)).content_type == "image/png"

    assert [request.path for request in server.received] == ["/3", "/2", "/1", "/0"]


def test_the_fourth_redirect_is_one_too_many(refused):
    path, answer = chain(4)
    with serving(answer) as server:
        assert refused(server.url(path)) == "bad_status"

    assert len(server.received) == 4


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data/", "refused_address"),
        ("http://[::ffff:169.254.169.254]/", "refused_address"),
        ("http://10.0.0.1/", "refused_address"),
        ("//192.168.0.1/x", "refused_address"),
        ("http://2852039166/", "bad_url"),
        ("ftp://127.0.0.1/", "bad_url"),
        ("file:///etc/passwd", "bad_url"),
        ("http://user:pass@127.0.0.1/", "bad_url"),
        ("http://[::1", "bad_url"),
        ("http://exämple.org/", "bad_url"),
    ],
)
def test_every_hop_is_judged_anew(refused, location, reason):
    with recorded_connects() as connects, serving(reply(302, Location=location)) as server:
        assert refused(server.url()) == reason

    assert only_loopback(connects)
    assert len(connects) == 1


def test_a_redirect_without_a_location_is_a_bad_status(refused):
    with serving(reply(302)) as server:
        assert refused(server.url()) == "bad_status"


@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 401, 404, 418, 500, 503])
def test_anything_but_200_is_a_bad_status(refused, status):
    with serving(reply(status)) as server:
        assert refused(server.url()) == "bad_status"


def test_a_declared_size_over_the_limit_is_refused_before_the_body(refused):
    def declared(handler, receiver):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n")
        receiver.leaving.wait(DEADLINE_S)

    with serving(declared) as server:
        assert refused(server.url()) == "too_large"


def test_an_undeclared_size_over_the_limit_is_noticed_while_it_arrives(refused):
    def endless(handler, receiver):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)
        while not receiver.leaving.is_set():
            handler.wfile.write(bytes(65536))

    with serving(endless) as server:
        assert refused(server.url(), max_bytes=100_000) == "too_large"


def test_one_byte_over_an_undeclared_limit_is_one_too_many(fetch, refused):
    def undeclared(handler, _receiver):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)

    with serving(undeclared) as server:
        assert refused(server.url(), max_bytes=len(PNG) - 1) == "too_large"
        assert fetch(server.url(), max_bytes=len(PNG)).size == len(PNG)


def test_framing_counts_too(refused):
    """One byte of body per chunk: six on the wire."""

    def wasteful(handler, receiver):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for byte in PNG[:1024]:
            handler.wfile.write(b"1\r\n%c\r\n" % byte)
        while not receiver.leaving.is_set():
            handler.wfile.write(b"1\r\nx\r\n" * 10_000)

    with serving(wasteful) as server:
        assert refused(server.url(), max_bytes=2 * MIB) == "too_large"


def test_a_file_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not(fetch, refused):
    with serving(reply(200, PNG)) as server:
        assert refused(server.url(), max_bytes=len(PNG) - 1) == "too_large"
        assert fetch(server.url(), max_bytes=len(PNG)).size == len(PNG)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!DOCTYPE html><html></html>", "image"),
        (b"<!DOCTYPE html><html></html>", "file"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "image"),
        (b"\xff\xd8\xff\xe0", "audio"),
        (b"\x80\x04\x95", "weights"),
        (b"", "image"),
        (b"just text", "video"),
    ],
)
def test_a_body_of_another_kind_is_refused(refused, body, kind):
    with serving(reply(200, body, Content_Type="image/png")) as server:
        assert refused(server.url("/cat.png"), kind=kind) == "wrong_type"


def test_the_type_is_judged_before_the_whole_body_came(refused):
    def page(handler, receiver):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n<html>" + b" " * 4096)
        receiver.leaving.wait(DEADLINE_S)  # the rest never comes

    with serving(page) as server:
        assert refused(server.url()) == "wrong_type"


def test_a_truncated_body_is_unreachable(refused):
    with serving(reply(200, PNG, Content_Length=str(len(PNG) + 1))) as server:
        assert refused(server.url()) == "unreachable"


def test_a_silent_server_is_given_up(refused):
    with serving(hold) as server:
        assert refused(server.url(), first_byte_timeout_s=0.2) == "unreachable"


def test_a_dripping_body_ends_with_the_total_time(refused):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + PNG
    with serving(drip(head, b"z")) as server:
        assert refused(server.url(), total_timeout_s=0.4) == "unreachable"


def test_total_time_is_for_all_hops_together(refused):
    """Each hop alone would be in time: only their sum is not."""

    def slow_hop(handler, receiver):
        receiver.leaving.wait(0.25)
        reply(302, Location="/again")(handler, receiver)

    with serving(slow_hop) as server:
        assert refused(server.url(), total_timeout_s=0.6, max_redirects=50) == "unreachable"

    assert len(server.received) <= 4


def test_loopback_is_refused_in_production(refused):
    with recorded_connects() as connects:
        assert refused("http://127.0.0.1/x.png", policy=Policy()) == "refused_address"

    assert connects == []
