"""``.../realtime``: many inputs on one socket."""

from __future__ import annotations

import json

import msgpack
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pilotlight.contracts.job import JobStatus
from tests.dialects.stage import DEADLINE_S, KEY, token_for, until

BEARER = {"Authorization": f"Key {KEY}"}


def opened(stage, path="acme/app/realtime", headers=BEARER):
    url = f"{stage.url.replace('http', 'ws', 1)}/run/{path}"
    return connect(url, additional_headers=headers, open_timeout=DEADLINE_S, proxy=None)


def hear(socket):
    return json.loads(socket.recv(timeout=DEADLINE_S))


def newest(stage, not_in=()):
    """The job that came last, once one is there that is not among the known."""
    found = []

    def look():
        found[:] = [job for job in stage.services.store.list_jobs(limit=10) if job.id not in not_in]
        return found

    until(look)
    return found[0]


@pytest.mark.parametrize(
    "encode", [msgpack.packb, json.dumps], ids=["msgpack, both clients' default", "JSON text"]
)
def test_each_input_gets_its_output_in_order(stage, encode):
    with opened(stage) as socket:
        known = []
        for word in ("one", "two"):
            socket.send(encode({"prompt": word}))
            job = newest(stage, known)
            known.append(job.id)
            assert json.loads(job.input) == {"prompt": word}
            stage.succeed(job.id, {"text": word})
            assert hear(socket) == {"text": word}


@pytest.mark.parametrize("suffix", ["/realtime", ""], ids=["realtime", "ws_connect"])
def test_a_page_may_connect_with_a_token(stage, client, suffix):
    token = token_for(client, "app")
    path = f"acme/app{suffix}?fal_jwt_token={token}&max_buffering=5"
    with opened(stage, path, headers={}) as socket:
        socket.send(msgpack.packb({"prompt": "x"}))
        job = stage.only_job()
        stage.succeed(job.id, {"text": "ok"})

        assert hear(socket) == {"text": "ok"}
    assert job.caller == "alice"


@pytest.mark.parametrize("query", ["", "?fal_jwt_token=junk"])
def test_without_a_key_the_client_is_told_to_drop_its_token(stage, query):
    with opened(stage, "acme/app/realtime" + query, headers={}) as socket:
        socket.send(json.dumps({"prompt": "x"}))
        assert hear(socket)["status"] == "error"
        with pytest.raises(Exception, match="1000"):
            socket.recv(timeout=DEADLINE_S)


def test_an_unknown_endpoint_is_an_error_message_and_a_friendly_close(stage):
    with opened(stage, "no/such/realtime") as socket:
        # As the clients do: they read only after they have written.
        socket.send(json.dumps({"prompt": "x"}))
        said = hear(socket)
        assert said["type"] == "x-fal-error"
        assert "no/such" in said["reason"]
        with pytest.raises(Exception, match="1000"):
            socket.recv(timeout=DEADLINE_S)


@pytest.mark.parametrize(
    "message",
    [b"\xc1", b"", "{", json.dumps([]), json.dumps({}), msgpack.packb({1: 2}), msgpack.packb(1)],
    ids=repr,
)
def test_bad_input_is_an_error_message_and_the_socket_stays_open(stage, message):
    with opened(stage) as socket:
        socket.send(message)
        said = hear(socket)
        assert said["type"] == "x-fal-error"
        assert said["error"].isupper()
        assert said["reason"]
        socket.send(json.dumps({"prompt": "x"}))
        stage.succeed(stage.only_job().id, {"text": "ok"})

        assert hear(socket) == {"text": "ok"}


def test_a_failed_model_is_an_error_message(stage):
    with opened(stage) as socket:
        socket.send(json.dumps({"prompt": "x"}))
        stage.fail(stage.only_job().id, "out_of_memory", "too big")

        assert hear(socket)["error"] == "RUNNER_SERVER_ERROR"


def test_bytes_in_an_input_are_a_file(stage):
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
    with opened(stage) as socket:
        socket.send(msgpack.packb({"prompt": "x", "image_url": png}))
        kept = json.loads(stage.only_job().input)["image_url"]

    assert kept.startswith("blob:inputs/alice/")


def test_closing_the_socket_gives_up_what_runs(stage):
    with opened(stage) as socket:
        socket.send(json.dumps({"prompt": "x"}))
        job = stage.only_job()
        stage.start(job.id)
    until(lambda: stage.job(job.id).status.is_terminal)

    assert stage.job(job.id).status is JobStatus.CANCELLED


def test_of_the_inputs_that_wait_only_the_newest_are_kept(stage):
    with opened(stage, "acme/app/realtime?max_buffering=1") as socket:
        socket.send(json.dumps({"prompt": "first"}))
        first = stage.only_job()
        for word in ("second", "third", "fourth"):
            socket.send(json.dumps({"prompt": word}))
        # The server answers a ping after it has read all that was sent before it.
        assert socket.ping().wait(DEADLINE_S)
        stage.succeed(first.id, {"text": "1"})
        assert hear(socket) == {"text": "1"}
        second = newest(stage, [first.id])
        assert json.loads(second.input)["prompt"] == "fourth"
        stage.succeed(second.id, {"text": "4"})

        assert hear(socket) == {"text": "4"}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "/v1/realtime",
            "Invalid URL (GET /v1/realtime): open a WebSocket at /run/ENDPOINT/realtime",
        ),
        ("/realtime/nowhere", "nothing is served here"),
        ("/queue/acme/app", "nothing is served here"),
    ],
    ids=["OpenAI's", "nobody's", "one without a socket"],
)
def test_a_socket_where_none_is_served_is_told_what_is(stage, path, said):
    """A 403 without words would read like a wrong key."""
    url = stage.url.replace("http", "ws", 1) + path
    with pytest.raises(InvalidStatus) as refused:
        connect(url, additional_headers=BEARER, open_timeout=DEADLINE_S, proxy=None)

    reply = refused.value.response
    assert reply.status_code == 404
    assert json.loads(reply.body)["error"]["message"].startswith(said)
