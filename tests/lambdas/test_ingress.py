"""Requests as a Function URL hands them over, through the whole ingress."""

from __future__ import annotations

import base64
import copy
import json

import pytest

from handlers import aws_lambda
from handlers.lambda_http import Bridge, scope_of
from pilotlight.contracts.job import JobStatus
from tests.lambdas.conftest import Context, event
from tests.receiver import receiver

ECHO = "/queue/pilotlight/echo"


def test_a_submit_is_a_row_and_a_message_and_its_result_is_read(stack):
    key = stack.key()
    answer = stack.ask("POST", ECHO, {"text": "hi"}, key=key)
    assert answer["statusCode"] == 200
    job_id = json.loads(answer["body"])["request_id"]
    assert stack.rig.job(job_id).status is JobStatus.QUEUED
    assert stack.rig.counts() == (1, 0)

    stack.rig.start()
    stack.rig.succeeded(job_id)
    answer = stack.ask("GET", f"{ECHO}/requests/{job_id}", key=key)
    assert json.loads(answer["body"])["text"] == "hi"
    assert stack.ask("GET", f"{ECHO}/requests/{job_id}", key=stack.key("bob"))["statusCode"] == 404


def test_a_synchronous_call_is_held_until_its_job_is_done(stack):
    stack.rig.start()
    answer = stack.ask("POST", "/run/pilotlight/echo", {"text": "now"}, key=stack.key())
    assert (answer["statusCode"], json.loads(answer["body"])["text"]) == (200, "now")


def test_a_stream_is_gathered_and_cut_when_the_invocation_is_nearly_over(stack):
    """Nobody runs the job, so that its status never ends by itself."""
    key = stack.key()
    submitted = stack.ask("POST", ECHO, {"text": "hi"}, key=key)
    job_id = json.loads(submitted["body"])["request_id"]
    path = f"{ECHO}/requests/{job_id}/status/stream"
    answer = stack.ask("GET", path, key=key, seconds=3, accept="text/event-stream")
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"].startswith("text/event-stream")
    assert '"status":"IN_QUEUE"' in answer["body"].replace(" ", "")


def test_strangers_and_wrong_paths_are_answered_as_everywhere(stack):
    assert stack.ask("POST", ECHO, {"text": "hi"})["statusCode"] == 401
    assert stack.ask("GET", "/none/such", key=stack.key())["statusCode"] == 404
    assert stack.ask("GET", "/healthz")["statusCode"] == 200


def test_one_trace_leads_from_the_request_to_the_row_and_the_webhook(stack):
    """A Function URL brings X-Ray's header with every request."""
    with receiver() as hook:
        key = stack.key()
        answer = stack.ask("POST", ECHO, {"text": "hi"}, key=key, query=f"fal_webhook={hook.url}")
        job_id = json.loads(answer["body"])["request_id"]
        assert stack.rig.job(job_id).trace == "6920a7c12ab8a1f07e2c1d4b5a6f7e80"
        stack.rig.start()
        stack.rig.succeeded(job_id)
        aws_lambda.dispatch(event("schedule"), Context())
        told = hook.next().headers["traceparent"]
    assert told.startswith("00-6920a7c12ab8a1f07e2c1d4b5a6f7e80-")


def test_a_replicas_log_says_whose_trace_a_failed_attempt_belongs_to(stack):
    rig, trace = stack.rig, "6920a7c12ab8a1f07e2c1d4b5a6f7e80"
    job_id = rig.submit({}, trace=trace)  # without its text
    rig.start()
    rig.until(lambda: rig.job(job_id).status.is_terminal, "the end of it")
    lines = [json.loads(one) for one in rig.log().splitlines() if job_id in one]
    assert [one["trace"] for one in lines if one["event"] == "attempt.failed"] == [trace]


# The bridge alone


@pytest.fixture
def bridge_of():
    made = []

    def make(app):
        made.append(Bridge(app))
        return made[-1]

    yield make
    for bridge in made:
        bridge.close()


async def lifespan(receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()


def echo_of(seen):
    """An app that keeps the scope and body, and answers bytes that are no text."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        seen.append((scope, (await receive())["body"]))
        headers = [
            (b"Set-Cookie", b"a=1"),
            (b"Set-Cookie", b"b=2"),
            (b"Vary", b"x"),
            (b"Vary", b"y"),
            (b"Content-Type", b"image/png"),
        ]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b"\x89", "more_body": True})
        await send({"type": "http.response.body", "body": b"PNG"})

    return app


def test_bytes_and_cookies_come_through_both_ways(bridge_of):
    seen, asked = [], copy.deepcopy(event("function_url"))
    asked |= {
        "rawPath": "/a%20b/%C3%BC",
        "rawQueryString": "x=1&y=%20",
        "cookies": ["c=3", "d=4"],
        "body": base64.b64encode(b"\x00\xff").decode(),
        "isBase64Encoded": True,
    }
    answer = bridge_of(echo_of(seen))(asked, within_s=30)
    assert answer == {
        "statusCode": 201,
        "headers": {"vary": "x, y", "content-type": "image/png"},
        "cookies": ["a=1", "b=2"],
        "body": base64.b64encode(b"\x89PNG").decode(),
        "isBase64Encoded": True,
    }
    ((scope, body),) = seen
    assert body == b"\x00\xff"
    assert (scope["path"], scope["raw_path"]) == ("/a b/ü", b"/a%20b/%C3%BC")
    assert scope["query_string"] == b"x=1&y=%20"
    assert dict(scope["headers"])[b"cookie"] == b"c=3; d=4"
    assert (scope["scheme"], scope["client"]) == ("https", ("198.51.100.7", 0))


def test_an_app_that_never_answers_is_a_gateway_timeout(bridge_of):
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    assert bridge_of(app)(event("function_url"), within_s=0.1)["statusCode"] == 504


def test_what_breaks_in_the_app_breaks_the_invocation(bridge_of):
    """Lambda then reports an error and counts it; callers get a 502."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        bridge_of(app)(event("function_url"), within_s=30)


def test_an_app_that_cannot_start_says_so():
    async def app(scope, receive, send):
        raise RuntimeError("no store")

    with pytest.raises(RuntimeError, match="no store"):
        Bridge(app)


def test_an_event_of_another_kind_is_refused():
    with pytest.raises(KeyError):
        scope_of(event("schedule"))


def test_the_path_of_the_root_may_be_empty():
    asked = copy.deepcopy(event("function_url"))
    asked["rawPath"] = ""
    assert scope_of(asked)["path"] == "/"


def test_the_second_request_of_a_process_finds_it_warm(stack):
    stack.ask("GET", "/healthz")
    first = aws_lambda._bridge()
    assert aws_lambda.ingress(event("function_url"), Context())["statusCode"] == 401
    assert aws_lambda._bridge() is first
