"""The ingress as its own runtime: pieces of an answer arrive when they happen, ends are honest."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import subprocess
import sys
import threading
import time

import pytest

from handlers.lambda_runtime import RuntimeApi as Client
from handlers.lambda_stream import Streaming
from infra.emulated.runtime_api import PATIENCE_S, RuntimeApi
from pilotlight.settings import WHOLE
from tests.lambdas.conftest import event
from tests.live import ROOT, environment

ECHO = "/queue/pilotlight/echo"


def request(method, path, body=None, *, key=None, **headers):
    asked = copy.deepcopy(event("function_url"))
    asked["rawPath"] = asked["requestContext"]["http"]["path"] = path
    asked["requestContext"]["http"]["method"] = method
    asked["headers"] = {**asked["headers"], **headers, "authorization": f"Key {key}"}
    asked.pop("body")
    if body is not None:
        asked["body"] = json.dumps(body)
    return asked


@pytest.fixture
def api():
    with RuntimeApi() as made:
        yield made


def invoked(api, asked, seconds=60):
    return api.invoke(asked, deadline_at=time.time() + seconds)


# The process, as Lambda starts it


@pytest.fixture
def ingress(stack, api, tmp_path):
    """The wrapper gets what Lambda would have started: an interpreter and its own bootstrap."""
    settings = stack.settings.model_copy(update={"data": tmp_path / "lambda"})
    with (tmp_path / "ingress.log").open("wb") as log:
        process = subprocess.Popen(
            [ROOT / "infra" / "ingress.sh", sys.executable, "/var/runtime/bootstrap.py"],
            cwd=tmp_path,
            env=environment(
                **{WHOLE: settings.model_dump_json()},
                AWS_LAMBDA_RUNTIME_API=api.place,
                LAMBDA_TASK_ROOT=str(ROOT),
            ),
            stdout=log,
            stderr=log,
        )
    yield api
    process.kill()
    process.wait()


def test_events_arrive_one_by_one_and_a_synchronous_call_is_held(stack, ingress):
    key, rig = stack.key(), stack.rig
    submitted = invoked(ingress, request("POST", ECHO, {"text": "hi"}, key=key))
    head = submitted.prelude()
    assert head["statusCode"] == 200
    assert head["headers"]["content-type"] == "application/json"
    assert submitted.headers["Lambda-Runtime-Function-Response-Mode"] == "streaming"
    assert submitted.headers["Lambda-Runtime-Invocation-Id"] == f"same-{submitted.id}"
    job_id = json.loads(submitted.rest())["request_id"]
    assert submitted.trailers == {}

    path = f"{ECHO}/requests/{job_id}/status/stream"
    events = invoked(ingress, request("GET", path, key=key, accept="text/event-stream"))
    assert events.prelude()["headers"]["content-type"].startswith("text/event-stream")
    events.read(until=b"IN_QUEUE")
    rig.start()  # nobody ran it so far: that event arrived while the answer was under way
    events.read(until=b"COMPLETED")
    assert events.ended() is None

    held = invoked(ingress, request("POST", "/run/pilotlight/echo", {"text": "now"}, key=key))
    assert held.prelude()["statusCode"] == 200
    assert json.loads(held.rest())["text"] == "now"

    stranger = invoked(ingress, request("GET", path))
    assert stranger.prelude()["statusCode"] == 401
    stranger.ended()


def test_a_stream_that_outlives_its_invocation_is_cut_and_the_next_one_is_served(stack, ingress):
    key = stack.key()
    submitted = invoked(ingress, request("POST", ECHO, {"text": "hi"}, key=key))
    submitted.prelude()
    path = f"{ECHO}/requests/{json.loads(submitted.rest())['request_id']}/status/stream"

    cut = invoked(ingress, request("GET", path, key=key, accept="text/event-stream"), seconds=6)
    cut.prelude()
    cut.read(until=b"IN_QUEUE")
    assert cut.ended()["errorType"] == "Ingress.Timeout"
    assert cut.trailers["Lambda-Runtime-Function-Error-Type"] == "Ingress.Timeout"

    odd = invoked(ingress, {"ping": 1})
    assert odd.ended()["errorType"] == "Ingress.NoRequest"
    assert invoked(ingress, request("GET", "/healthz")).prelude()["statusCode"] == 200


def test_a_process_that_cannot_serve_says_why(api, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "handlers.lambda_stream"],
        cwd=ROOT,
        env=environment(PILOTLIGHT_MODE="aws", AWS_LAMBDA_RUNTIME_API=api.place),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    said = api.never_began.get(timeout=PATIENCE_S)
    assert said["errorType"] == "Runtime.InitError"
    assert "aws.queue_url" in said["errorMessage"]


# Apps that do one thing


def with_lifespan(app):
    async def whole(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        else:
            await app(receive, send)

    return whole


def live(app, place):
    """Until the API goes away."""
    streaming, client = Streaming(with_lifespan(app), time.time), Client(place)
    with contextlib.closing(streaming), contextlib.suppress(OSError):
        while True:
            streaming(client, client.next())


@pytest.fixture
def serve(api):
    """Serves an app on a thread."""
    threads = []

    def start(app):
        threads.append(threading.Thread(target=live, args=(app, api.place), daemon=True))
        threads[-1].start()
        return api

    yield start
    api.waiting.put(None)
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/x")]}


def piece(body, *, more=True):
    return {"type": "http.response.body", "body": body, "more_body": more}


def test_what_went_wrong_in_the_middle_is_told_in_trailers(serve):
    async def app(receive, send):
        await send(START)
        await send(piece(b"half of it"))
        raise RuntimeError("torn")

    exchange = invoked(serve(app), request("GET", "/"))
    assert exchange.prelude()["statusCode"] == 200
    assert exchange.read(until=b"half of it") == b"half of it"
    assert exchange.ended()["errorType"] == "Ingress.Failed"


def test_what_went_wrong_before_anything_was_said_is_told_as_an_error(serve):
    async def app(receive, send):
        raise RuntimeError("torn")

    assert invoked(serve(app), request("GET", "/")).ended()["errorType"] == "Ingress.Failed"


def test_an_app_hears_that_its_caller_has_left_and_the_next_caller_is_served(serve):
    heard, served = threading.Event(), iter([True, False])

    async def app(receive, send):
        await send(START)
        if not next(served):
            await send(piece(b"second", more=False))
            return
        await send(piece(b"first"))
        while (await receive())["type"] != "http.disconnect":
            pass
        heard.set()
        await send(piece(b"nobody reads this"))

    api = serve(app)
    first = invoked(api, request("GET", "/"))
    first.prelude()
    first.read(until=b"first")
    first.leave()
    assert heard.wait(PATIENCE_S)
    second = invoked(api, request("GET", "/"))
    second.prelude()
    assert second.rest() == b"second"


def test_an_app_that_does_not_listen_is_ended_when_its_caller_has_left(serve):
    ended = threading.Event()

    async def app(receive, send):
        await send(START)
        await send(piece(b"first"))
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    exchange = invoked(serve(app), request("GET", "/"))
    exchange.prelude()
    exchange.read(until=b"first")
    exchange.leave()
    assert ended.wait(PATIENCE_S)


def test_what_an_app_does_after_its_answer_is_done_before_the_next_one(serve):
    order = []

    async def app(receive, send):
        order.append("asked")
        await send(START)
        await send(piece(b"ok", more=False))
        await asyncio.sleep(0)
        order.append("done")

    api = serve(app)
    for exchange in [invoked(api, request("GET", "/")) for _ in range(3)]:
        exchange.prelude()
        assert exchange.rest() == b"ok"
    invoked(api, request("GET", "/")).ended()
    assert order[:6] == ["asked", "done"] * 3


def test_bytes_bodies_and_cookies_pass_as_they_are(serve):
    body = bytes(range(256)) * 1000

    async def app(receive, send):
        asked = await receive()
        headers = [(b"set-cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"connection", b"close")]
        await send(START | {"status": 207, "headers": headers})
        await send(piece(asked["body"]))
        await send(piece(body, more=False))

    exchange = invoked(serve(app), request("POST", "/", {"text": "ü"}))
    head = exchange.prelude()
    assert (head["statusCode"], head["headers"]) == (207, {})
    assert head["cookies"] == ["a=1", "b=2"]
    assert exchange.rest() == json.dumps({"text": "ü"}).encode() + body
