"""The poster against polite and hostile receivers, over real sockets."""

import gzip
import subprocess
import sys
import tracemalloc

import pytest

from pilotlight.adapters.local.clock import ManualClock, SystemClock
from pilotlight.adapters.web.connect import dial_tcp
from pilotlight.adapters.web.guard import Policy
from pilotlight.adapters.web.outbound import Outbound
from pilotlight.adapters.web.poster import MAX_REPLY_BYTES, GuardedPoster
from pilotlight.errors import FetchFailed
from pilotlight.ports.clock import Clock
from pilotlight.settings import WebhookSettings
from tests.contract.http_servers import drip, hold, only_loopback, recorded_connects, reply, serving

LOCAL = Policy(allow_loopback=True)
PRODUCTION = Policy()


def poster(
    *, policy: Policy = LOCAL, timeout_s: float = 10, clock: Clock | None = None, **outbound
) -> GuardedPoster:
    settings = WebhookSettings(timeout_s=timeout_s, connect_timeout_s=min(timeout_s, 5))
    clock = clock or SystemClock()
    return GuardedPoster(Outbound(policy=policy, **outbound), settings, clock)


def refused(url: str, posting: GuardedPoster) -> str:
    with pytest.raises(FetchFailed) as caught:
        posting.post(url, headers={}, body=b"{}")
    return caught.value.reason


def test_the_receiver_gets_the_body_and_the_headers_as_given():
    with serving(reply(201, b"thanks", X_Seen="yes")) as receiver:
        answer = poster().post(
            receiver.url("/hook?a=1"),
            headers={"Content-Type": "application/json", "webhook-id": "wh_1"},
            body=b'{"a":1}',
        )

    request = receiver.received[0]
    assert (request.method, request.path, request.body) == ("POST", "/hook?a=1", b'{"a":1}')
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["webhook-id"] == "wh_1"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["content-length"] == "7"
    assert answer.status == 201
    assert answer.headers["x-seen"] == "yes"


def test_a_redirect_is_returned_and_not_followed():
    with (
        serving(reply(200)) as other,
        serving(reply(302, Location=other.url())) as receiver,
        recorded_connects() as connects,
    ):
        answer = poster().post(receiver.url(), headers={}, body=b"{}")

    assert answer.status == 302
    assert other.received == []
    assert connects == ["127.0.0.1"]


def test_a_redirect_to_the_metadata_service_makes_no_connection_there():
    metadata = "http://169.254.169.254/latest/meta-data/"
    with recorded_connects() as connects, serving(reply(302, Location=metadata)) as receiver:
        answer = poster().post(receiver.url(), headers={}, body=b"{}")

    assert answer.status == 302
    assert only_loopback(connects)


def test_no_more_than_64_kib_of_an_endless_reply_is_read():
    sent = []

    def endless(handler, receiver):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not receiver.leaving.is_set():
            handler.wfile.write(b"x" * 65536)
            sent.append(65536)

    with serving(endless) as receiver:
        answer = poster().post(receiver.url(), headers={}, body=b"{}")

    assert answer.status == 200
    # What the two kernels' buffers swallow comes on top of what was read.
    assert sum(sent) < 16 * 1024 * 1024
    assert MAX_REPLY_BYTES == 64 * 1024


def test_a_gzip_bomb_is_never_decompressed():
    bomb = gzip.compress(b"\0" * 50_000_000, compresslevel=9)
    assert len(bomb) < MAX_REPLY_BYTES
    with serving(reply(200, bomb, Content_Encoding="gzip")) as receiver:
        posting = poster()
        posting.post(receiver.url(), headers={}, body=b"{}")  # imports are not what is measured
        tracemalloc.start()
        answer = posting.post(receiver.url(), headers={}, body=b"{}")
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert answer.status == 200
    assert peak < 10_000_000


@pytest.mark.parametrize(
    "answer",
    [
        hold,
        drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"z"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drip(b"H", b""),
    ],
    ids=["silent", "a header byte at a time", "endless 100 Continue", "one byte, then nothing"],
)
def test_a_receiver_that_never_finishes_its_head_is_cut_off(answer):
    with serving(answer) as receiver:
        assert refused(receiver.url(), poster(timeout_s=0.4)) == "unreachable"


class ClockThatRunsWhenLookedAt(ManualClock):
    """Time passes with every read of a dripping body, however slow this machine is."""

    def monotonic(self) -> float:
        self.sleep(0.1)
        return super().monotonic()


def test_a_reply_whose_body_drips_is_cut_off_and_still_counts():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    with serving(drip(head, b"z", 0.005)) as receiver:
        posting = poster(clock=ClockThatRunsWhenLookedAt())
        answer = posting.post(receiver.url(), headers={}, body=b"{}")

    assert answer.status == 200


def test_a_head_without_end_is_cut_off_by_size():
    with serving(drip(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"y" * 4000 + b"\r\n", 0)) as receiver:
        assert refused(receiver.url(), poster()) in {"too_large", "unreachable"}


def raw(bytes_):
    return lambda handler, _receiver: handler.wfile.write(bytes_)


@pytest.mark.parametrize(
    "answer", [raw(b""), raw(b"SSH-2.0-OpenSSH_9.6\r\n"), raw(b"HTTP/1.1 abc\r\n\r\n")]
)
def test_an_answer_that_is_not_http_is_unreachable_and_its_banner_is_not_told(answer):
    with serving(answer) as receiver, pytest.raises(FetchFailed) as caught:
        poster().post(receiver.url(), headers={}, body=b"{}")

    assert caught.value.reason == "unreachable"
    assert "SSH" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_a_port_nobody_listens_on_is_unreachable():
    with serving(reply(200)) as receiver:
        url = receiver.url()

    assert refused(url, poster()) == "unreachable"


def test_loopback_is_refused_without_a_connection_in_production():
    with recorded_connects() as connects:
        assert refused("http://127.0.0.1/hook", poster(policy=PRODUCTION)) == "refused_address"
        assert refused("http://localhost/hook", poster(policy=PRODUCTION)) == "refused_address"

    assert connects == []


def test_ipv6_loopback_is_reached_with_a_bracketed_host_header():
    with serving(reply(200), host="::1") as receiver:
        assert poster().post(receiver.url(), headers={}, body=b"{}").status == 200

    assert receiver.received[0].headers["host"] == f"[::1]:{receiver.port}"


def test_a_name_is_resolved_once_and_only_the_checked_address_is_connected_to():
    answers = [["127.0.0.2"], ["127.0.0.3"], ["127.0.0.3"]]
    asked = []

    def flipping(host, port, _timeout_s):
        asked.append((host, port))
        return answers[len(asked) - 1]

    with (
        serving(reply(200), host="127.0.0.2") as checked,
        serving(reply(200), host="127.0.0.3", port=checked.port) as other,
        recorded_connects() as connects,
    ):
        url = f"http://receiver.test:{checked.port}/hook"
        poster(resolve=flipping).post(url, headers={}, body=b"{}")

    assert asked == [("receiver.test", checked.port)]
    assert connects == ["127.0.0.2"]
    assert len(checked.received) == 1
    assert checked.received[0].headers["host"] == f"receiver.test:{checked.port}"
    assert other.received == []


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::a00:1"]]
)
def test_a_name_with_any_private_answer_is_refused_without_a_connection(answers):
    with recorded_connects() as connects:
        posting = poster(policy=PRODUCTION, resolve=lambda *_: answers)
        assert refused("https://receiver.test/", posting) == "refused_address"

    assert connects == []


def test_a_name_nobody_knows_is_unreachable():
    assert refused("https://receiver.test/", poster(resolve=lambda *_: [])) == "unreachable"


def test_the_next_address_is_tried_when_the_first_does_not_answer():
    with serving(reply(200), host="127.0.0.3") as receiver:
        posting = poster(resolve=lambda *_: ["127.0.0.2", "127.0.0.3"])
        url = f"http://receiver.test:{receiver.port}/"
        assert posting.post(url, headers={}, body=b"{}").status == 200


def test_a_connection_that_leads_elsewhere_is_refused_before_a_byte_is_sent():
    with (
        serving(reply(200), host="127.0.0.2") as meant,
        serving(reply(200), host="127.0.0.3", port=meant.port) as elsewhere,
    ):
        posting = poster(
            resolve=lambda *_: ["127.0.0.2"],
            dial=lambda _address, port, time_s: dial_tcp("127.0.0.3", port, time_s),
        )
        assert refused(f"http://receiver.test:{meant.port}/", posting) == "refused_address"

    assert elsewhere.received == []
    assert meant.received == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_never_used(name, monkeypatch):
    with serving(reply(200)) as trap, serving(reply(204)) as receiver:
        monkeypatch.setenv(name, trap.url(""))
        answer = poster().post(receiver.url(), headers={}, body=b"{}")

    assert answer.status == 204
    assert trap.received == []


def test_an_idle_process_loads_neither_the_http_library_nor_the_cryptography():
    code = (
        "import sys\n"
        "import pilotlight.adapters.web.fetcher, pilotlight.adapters.web.poster\n"
        "import pilotlight.delivery.dispatcher, pilotlight.delivery.signing\n"
        "import pilotlight.adapters.web.outbound\n"
        "print([m for m in ('httpcore', 'h11', 'certifi', 'cryptography') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
