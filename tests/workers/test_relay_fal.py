"""The relay against an upstream that speaks fal's queue, in one process: what it asks and raises."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from pilotlight.errors import Cancelled, InvalidInput
from pilotlight.execution.retry import Failure
from pilotlight.upstreams import KeyMissing, NoAnswer, WrongAddress
from tests.live import free_port, until
from tests.workers.relay_desk import SECRET, Desk
from tests.workers.upstream_server import Told, upstream_server
from workers.engines.relay import refusals
from workers.engines.relay.ticket import Ticket
from workers.relayed_fal import RelayedFal

CALLED = "fal-ai/kling-video/v2/master/text-to-video"
REQUESTS = "/queue/fal-ai/kling-video/requests/r-1"
COMPLETED = Told({"status": "COMPLETED", "logs": []})
BUSY = Told({"detail": "later"}, 429, {"Retry-After": "7"})


@pytest.fixture
def server():
    with upstream_server() as made:
        made.tell("POST /queue/", Told({"request_id": "r-1"}))
        made.tell(f"GET {REQUESTS}/status", COMPLETED)
        made.tell(f"GET {REQUESTS}", Told({"seed": 7}))
        yield made


@pytest.fixture
def desk(server, tmp_path, monkeypatch):
    monkeypatch.setenv("RELAY_KEY", SECRET)
    url = f"{server.url}/queue"
    return Desk(RelayedFal, tmp_path / "out", endpoint="relay/fal", called=CALLED, url=url)


def test_it_says_that_it_asks_then_asks_then_says_what_it_got(desk, server):
    assert desk.attempt() == {"seed": 7}

    assert desk.notes == [{"asked": True, "number": 1}, {"asked": True, "id": "r-1", "number": 1}]
    (post,) = server.of("POST")
    assert post.path == f"/queue/{CALLED}"
    assert post.json == {"prompt": "a pier"}
    assert post.headers["authorization"] == f"Key {SECRET}"
    assert post.headers["idempotency-key"] == "pilotlight-job-1-1"
    assert post.headers["x-fal-request-timeout"] == "600.0"


def test_without_its_key_it_says_what_to_set_and_asks_nobody(desk, server, monkeypatch):
    monkeypatch.setenv("RELAY_KEY", " ")

    missing = desk.fails(KeyMissing)

    assert "RELAY_KEY" in str(missing)
    assert not missing.retryable
    assert server.asked == []


def test_an_attempt_that_knows_the_request_asks_for_nothing_new(desk, server):
    desk.note = Ticket(asked=True, id="r-1").text()

    assert desk.attempt() == {"seed": 7}
    assert server.of("POST") == []


def test_what_may_have_been_taken_is_not_asked_again(desk, server):
    desk.note = Ticket(asked=True).text()

    unsure = desk.fails(refusals.Unsure)

    assert not unsure.retryable
    assert 'unsure = "again"' in str(unsure)
    assert server.asked == []


@pytest.mark.parametrize("setting", [{"idempotent": True}, {"unsure": "again"}], ids=str)
def test_unless_that_does_no_harm_or_the_owner_says_so(desk, setting):
    desk.settings |= setting
    desk.note = Ticket(asked=True).text()

    assert desk.attempt() == {"seed": 7}


def test_an_answer_that_is_lost_leaves_the_question_open(desk, server):
    server.tell("POST /queue/", Told(hang_up=True))
    desk.fails(refusals.Unsure)
    desk.settings["idempotent"] = True
    desk.note = ""

    assert desk.fails(NoAnswer).retryable
    assert json.loads(desk.note) == {"asked": True, "number": 1}
    server.tell("POST /queue/", Told({"request_id": "r-1"}))
    assert desk.attempt() == {"seed": 7}
    assert len({post.headers["idempotency-key"] for post in server.of("POST")}) == 1


def test_an_upstream_that_nobody_reached_was_not_asked(desk):
    desk.settings["url"] = f"http://127.0.0.1:{free_port()}/queue"

    assert desk.fails(NoAnswer).retryable
    assert json.loads(desk.note) == {"number": 1}


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_upstream_is_asked_again_when_it_says(desk, server, status):
    server.tell("POST /queue/", Told({"detail": "later"}, status, {"Retry-After": "7"}))

    failure = Failure.of(desk.fails(refusals.Busy))

    assert (failure.retryable, failure.retry_after_s) == (True, 7)
    assert json.loads(desk.note) == {"number": 1}


def test_a_broken_gateway_may_have_passed_the_question_on(desk, server):
    server.tell("POST /queue/", Told({"detail": "bad gateway"}, 502))

    desk.fails(refusals.Unsure)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_the_owners_to_mend(desk, server, status):
    server.tell("POST /queue/", Told({"detail": "Exhausted balance"}, status))

    refused = desk.fails(refusals.KeyRefused)

    assert not refused.retryable
    assert "RELAY_KEY" in str(refused)
    assert "Exhausted balance" in str(refused)


def test_an_endpoint_that_the_upstream_has_not_is_said_to_be_unknown_there(desk, server):
    server.tell("POST /queue/", Told({"detail": "Application not found"}, 404))

    assert "Application not found" in str(desk.fails(refusals.NotThere))


DETAIL = [{"loc": ["body", "prompt"], "msg": "too long", "type": "x", "ctx": {"max": 3}}]


@pytest.mark.parametrize("place", ["POST /queue/", f"GET {REQUESTS}"])
def test_wrong_input_keeps_its_fields(desk, server, place):
    server.tell(place, Told({"detail": DETAIL}, 422))

    wrong = desk.fails(InvalidInput)

    (problem,) = wrong.problems
    assert (problem.loc, problem.message, problem.type) == (("body", "prompt"), "too long", "x")
    assert problem.context == {"max": 3}


def test_a_request_that_failed_upstream_is_followed_by_another_one(desk, server):
    server.tell(f"GET {REQUESTS}", Told({"detail": "it broke"}, 500), Told({"seed": 7}))

    assert desk.fails(refusals.Failed).retryable
    assert desk.attempt() == {"seed": 7}
    keys = [post.headers["idempotency-key"] for post in server.of("POST")]
    assert keys == ["pilotlight-job-1-1", "pilotlight-job-1-2"]


def test_a_failure_that_the_upstream_calls_final_is_final(desk, server):
    told = Told({"detail": "never"}, 500, {"x-fal-needs-retry": "0"})
    server.tell(f"GET {REQUESTS}", told)

    assert not desk.fails(refusals.GaveUp).retryable


def test_trouble_while_it_is_followed_is_waited_out(desk, server):
    running = Told({"status": "IN_PROGRESS", "logs": [{"message": "half"}], "progress": 0.5})
    strange = Told({"status": "NOT_FOUND"}, 404)
    server.tell(f"GET {REQUESTS}/status", strange, Told(hang_up=True), running, COMPLETED)

    assert desk.attempt() == {"seed": 7}
    assert "half" in desk.lines
    assert any("does not answer now" in line for line in desk.lines)


def test_a_request_that_stays_unknown_is_given_up(desk, server):
    server.tell(f"GET {REQUESTS}/status", Told({"status": "NOT_FOUND"}, 404))

    assert not desk.fails(refusals.NotThere).retryable


def test_lines_are_told_once(desk, server):
    one, two = {"message": "one"}, {"message": "two"}
    server.tell(
        f"GET {REQUESTS}/status",
        Told({"status": "IN_QUEUE", "queue_position": 3}),
        Told({"status": "IN_PROGRESS", "logs": [one]}),
        Told({"status": "COMPLETED", "logs": [one, two]}),
    )
    desk.attempt()

    assert [line for line in desk.lines if line in ("one", "two")] == ["one", "two"]


def test_what_it_cost_is_kept_and_told(desk, server):
    server.tell(f"GET {REQUESTS}", Told({"seed": 7}, headers={"X-Fal-Billable-Units": "2.5"}))
    desk.attempt()

    assert desk.notes[-1]["cost"] == {"x-fal-billable-units": "2.5"}
    assert "fal says of r-1: x-fal-billable-units: 2.5" in desk.lines


@pytest.mark.parametrize("over", [True, False])
def test_only_a_job_that_is_over_is_cancelled_upstream(desk, server, over):
    server.tell(f"GET {REQUESTS}/status", Told({"status": "IN_PROGRESS"}))
    server.tell(f"PUT {REQUESTS}/cancel", Told({"status": "CANCELLATION_REQUESTED"}, 202))
    desk.on_note = lambda note: '"id"' in note and desk.context.cancel(over=over)

    desk.fails(Cancelled)

    assert len(server.of("PUT")) == over


def test_a_cancel_waits_for_no_answer_and_takes_back_one_that_comes_late(desk, server):
    gate = threading.Event()
    server.tell("POST /queue/", Told({"request_id": "r-1"}, gate=gate))
    server.tell(f"PUT {REQUESTS}/cancel", Told({}, 202))

    def cancel():
        until(lambda: server.of("POST"), what="the request")
        desk.context.cancel(over=True)

    canceller = threading.Thread(target=cancel)
    canceller.start()
    desk.fails(Cancelled)
    canceller.join()
    assert server.of("PUT") == []
    gate.set()

    until(lambda: server.of("PUT"), what="the cancel upstream")


def file_of(url):
    return Path(url2pathname(urlsplit(url).path))


def test_files_of_the_result_are_brought_without_the_key(desk, server):
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    server.tell("GET /cdn/a.svg", Told(body=svg, headers={"Content-Type": "image/svg+xml"}))
    inline = f"data:image/png;base64,{base64.b64encode(b'pixels').decode()}"
    shown = {"url": f"{server.url}/cdn/a.svg", "file_size": 1, "content_type": "image/svg+xml"}
    server.tell(f"GET {REQUESTS}", Told({"images": [shown, {"url": inline}, shown], "seed": 1}))

    first, second, third = desk.attempt()["images"]

    assert file_of(first["url"]).read_bytes() == svg
    assert (first["file_size"], file_of(first["url"]).suffix) == (len(svg), ".svg")
    assert file_of(second["url"]).read_bytes() == b"pixels"
    assert third == first
    (got,) = server.of("GET /cdn")
    assert "authorization" not in got.headers


def test_a_file_that_does_not_come_is_asked_for_by_the_next_attempt(desk, server):
    server.tell(f"GET {REQUESTS}", Told({"video": {"url": f"{server.url}/cdn/v.mp4"}}))
    server.tell("GET /cdn", Told(status=500), Told(body=b"film"))

    assert desk.fails(refusals.Failed).retryable
    assert file_of(desk.attempt()["video"]["url"]).read_bytes() == b"film"
    assert len(server.of("POST")) == 1


def test_big_inputs_are_uploaded_once_and_the_key_stays_away_from_where_they_go(
    desk, server, tmp_path
):
    big, small = tmp_path / "big", tmp_path / "small"
    big.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200_000))
    small.write_bytes(b"\x89PNG\r\n\x1a\n")
    places = {"upload_url": f"{server.url}/put/1", "file_url": "https://cdn.example/1.png"}
    server.tell("POST /rest/storage/upload/initiate", Told(places))
    server.tell("PUT /put/1", Told({}))
    server.tell("POST /queue/", BUSY, Told({"request_id": "r-1"}))
    desk.settings["files_url"] = f"{server.url}/rest"
    document = {"a": ["blob:big", "blob:small"], "prompt": "blob:none"}
    files = {"blob:big": big, "blob:small": small}

    desk.fails(refusals.Busy, document=document, files=files)
    desk.attempt(document, files=files)

    first, second = server.of("POST /queue")
    inline = f"data:image/png;base64,{base64.b64encode(small.read_bytes()).decode()}"
    assert first.json == second.json == {
        "a": ["https://cdn.example/1.png", inline], "prompt": "blob:none",
    }  # fmt: skip
    (put,) = server.of("PUT")
    assert put.body == big.read_bytes()
    assert "authorization" not in put.headers


def test_a_name_of_the_upstreams_own_is_used_where_the_owner_gives_one(desk, server):
    desk.settings["names"] = {"acme/film": CALLED}

    desk.attempt(called="acme/film")
    assert server.of("POST")[0].path == f"/queue/{CALLED}"


GARBLED = [Told(body=b"<html>"), Told({}), Told({"request_id": "../../x"}), Told([])]


@pytest.mark.parametrize("told", GARBLED, ids=range(len(GARBLED)))
def test_an_upstream_that_makes_no_sense_is_said_to(desk, server, told):
    server.tell("POST /queue/", told)

    desk.fails(refusals.Garbled)


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("http://93.184.216.34/queue", {}),
        ("http://10.0.0.1/queue", {}),
        ("http://127.0.0.1:1/queue", {"allow_loopback": False}),
        ("http://127.0.0.1:1/queue", {"mode": "aws"}),
    ],
)
def test_the_key_goes_nowhere_without_tls_but_to_this_machine(desk, url, more):
    desk.settings["url"] = url
    upstream = desk.worker(**more).upstream

    with pytest.raises(WrongAddress, match=r"fal cannot be asked at http://.*https reaches all"):
        upstream.ask("GET", "/x", within_s=1)
