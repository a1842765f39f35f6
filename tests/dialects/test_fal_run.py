"""``fal.run``: call and wait; call and watch."""

from __future__ import annotations

import json
import re

import pytest

from handlers import following
from handlers.app import create_app
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobError, JobStatus
from pilotlight.errors import Problem
from pilotlight.ports.feed import NewEntry
from pilotlight.settings import IngressSettings
from tests.dialects.stage import Background, Stage, events, served, services_in, token_for, until


def test_a_call_waits_for_its_output(stage, client):
    call = Background(client.post, "/run/acme/app", json={"prompt": "a cat"})
    job = stage.only_job()
    stage.succeed(job.id, {"text": "a cat"})
    reply = call.result()

    assert (reply.status_code, reply.json()) == (200, {"text": "a cat"})
    assert reply.headers["x-fal-request-id"] == job.id
    assert not job.streaming


def test_a_get_has_its_input_in_the_query_and_the_contract_reads_the_types(stage, client):
    params = {"prompt": "a cat", "steps": "7", "sync_mode": "true"}
    call = Background(client.get, "/run/acme/app/sub", params=params)
    job = stage.only_job()
    stage.succeed(job.id, {"text": "ok"})

    assert call.result().status_code == 200
    assert job.endpoint == "acme/app/sub"
    assert json.loads(job.input)["steps"] == "7"
    assert json.loads(job.options) == {"sync_mode": True}


def test_a_call_answers_with_the_models_own_error(stage, client):
    call = Background(client.post, "/run/acme/app", json={"prompt": "a cat"})
    problem = Problem(("body", "prompt"), "no", "content_policy_violation")
    stage.fail(stage.only_job().id, "invalid_input", "not allowed", 422, problem)
    reply = call.result()

    assert reply.status_code == 422
    assert reply.json()["detail"][0]["type"] == "content_policy_violation"


def test_a_call_that_does_not_start_in_time_is_a_504_the_caller_asked_for(stage, client, clock):
    call = Background(
        client.post,
        "/run/acme/app",
        json={"prompt": "a cat"},
        headers={"X-Fal-Request-Timeout": "2"},
    )
    job = stage.only_job()
    clock.sleep(2)
    stage.move(job.id, moves.expire(job, now=clock.now()))
    reply = call.result()

    assert reply.status_code == 504
    assert reply.headers["x-fal-request-timeout-type"] == "user"


def test_a_call_that_takes_too_long_is_a_504_and_gives_up_its_job(tmp_path, clock):
    short = IngressSettings(sync_timeout_s=0.01)
    with (
        services_in(tmp_path, clock, ingress=short) as services,
        served(create_app(services)) as url,
    ):
        stage = Stage(services, url)
        with stage.client() as client:
            call = Background(client.post, "/run/acme/app", json={"prompt": "a cat"})
            job = stage.only_job()
            until(lambda: clock.sleep(1) or call.ended)
            reply = call.result()

        assert reply.status_code == 504
        assert reply.json()["error_type"] == "request_timeout"
        assert stage.job(job.id).status is JobStatus.CANCELLED


def test_a_caller_who_hangs_up_cancels_the_work(stage):
    with stage.asking("/run/acme/app", {"prompt": "a cat"}):
        job = stage.only_job()
        stage.start(job.id)
    until(lambda: stage.job(job.id).status.is_terminal)

    assert stage.job(job.id).status is JobStatus.CANCELLED


def test_a_stream_brings_partial_outputs_and_ends_with_the_output(stage, client):
    def call():
        heard = []
        with client.stream(
            "POST",
            "/run/acme/app/stream",
            json={"prompt": "a cat"},
            headers={"accept": "application/json, text/event-stream"},
        ) as reply:
            assert reply.headers["content-type"].startswith("text/event-stream")
            assert reply.headers["x-fal-request-id"]
            for event in events(reply):
                heard.append(event)
                if event == {"text": "half"}:
                    stage.succeed(reply.headers["x-fal-request-id"], {"text": "whole"})
        return heard

    calling = Background(call)
    job = stage.only_job()
    assert job.streaming
    assert job.endpoint == "acme/app"
    stage.start(job.id)
    stage.tell(job.id, "log", message="not for the stream", level="stdout")
    stage.tell(job.id, "partial", text="half")

    assert calling.result() == [{"text": "half"}, {"text": "whole"}]


def test_an_endpoint_whose_own_name_ends_in_stream_can_be_called(stage, client):
    call = Background(client.post, "/run/acme/app/stream/inner", json={"prompt": "a cat"})
    job = stage.only_job()
    stage.succeed(job.id, {"text": "ok"})

    assert call.result().json() == {"text": "ok"}
    assert (job.endpoint, job.streaming) == ("acme/app/stream/inner", False)


def test_a_stream_that_fails_at_once_is_an_error_reply(stage, client):
    call = Background(client.post, "/run/acme/app/stream", json={"prompt": "a cat"})
    stage.fail(stage.only_job().id, "out_of_memory", "too big")
    reply = call.result()

    assert reply.status_code == 500
    assert reply.json()["error_type"] == "runner_server_error"


def test_a_stream_with_bad_input_is_an_error_reply(client):
    reply = client.post("/run/acme/app/stream", json={})

    assert reply.status_code == 422
    assert reply.json()["detail"][0]["loc"] == ["body", "prompt"]


def test_a_stream_that_fails_later_says_so_in_its_last_event(stage, client):
    call = Background(client.post, "/run/acme/app/stream", json={"prompt": "a cat"})
    job = stage.only_job()
    leased = stage.start(job.id)
    stage.tell(job.id, "partial", text="half")
    error = JobError("worker_error", "it broke", 500)
    stage.move(job.id, moves.fail(leased, now=stage.services.clock.now(), error=error))
    reply = call.result()
    heard = list(events(reply))

    assert reply.status_code == 200
    assert heard[0] == {"text": "half"}
    assert heard[1]["error_type"] == "runner_server_error"
    assert heard[1]["status"] == 500
    assert "event: error" in reply.text


def test_a_stream_does_not_keep_its_head_back_for_ever(stage, client, monkeypatch):
    monkeypatch.setattr(following, "PATIENCE_S", 0.0)
    with client.stream("POST", "/run/acme/app/stream", json={"prompt": "a cat"}) as reply:
        assert reply.status_code == 200
        stage.fail(reply.headers["x-fal-request-id"])
        (only,) = events(reply)

    assert only["error_type"] == "runner_server_error"


def test_a_listener_who_leaves_a_stream_cancels_the_work(stage, client):
    call = Background(leave_after_one, client)
    job = stage.only_job()
    stage.start(job.id)
    stage.tell(job.id, "partial", text="half")
    assert call.result() == {"text": "half"}
    until(lambda: stage.job(job.id).status.is_terminal)

    assert stage.job(job.id).status is JobStatus.CANCELLED


def leave_after_one(client):
    with client.stream("POST", "/run/acme/app/stream", json={"prompt": "a cat"}) as reply:
        return next(events(reply))


def test_a_page_may_stream_with_a_token_instead_of_the_key(stage, client):
    token = token_for(client, "app")

    def call():
        with stage.client(None) as page:
            return page.post(
                f"/run/acme/app/sub/stream?fal_jwt_token={token}", json={"prompt": "x"}
            )

    calling = Background(call)
    job = stage.only_job()
    stage.succeed(job.id, {"text": "ok"})

    assert list(events(calling.result())) == [{"text": "ok"}]
    assert job.caller == "alice"


@pytest.mark.parametrize("path", ["acme/app/stream", "workflows/acme/flow/stream"])
def test_a_token_is_for_its_app_alone_and_ends(stage, client, clock, path):
    wrong, old = token_for(client, "other"), token_for(client, path.split("/")[-2])
    clock.sleep(120)
    with stage.client(None) as page:
        for token in (wrong, old, "", "junk"):
            reply = page.post(f"/run/{path}?fal_jwt_token={token}", json={"prompt": "x"})
            assert reply.status_code == 401
    assert stage.services.store.list_jobs() == []


@pytest.mark.parametrize("suffix", ["", "/stream", "?fal_jwt_token=x", "/stream?fal_jwt_token=x"])
def test_only_those_with_a_key_learn_which_endpoints_there_are(stage, suffix):
    with stage.client(None) as anybody:
        known = anybody.post("/run/acme/app" + suffix, json={"prompt": "x"})
        unknown = anybody.post("/run/acme/ap" + suffix, json={"prompt": "x"})

    assert known.status_code == unknown.status_code == 401
    assert "acme" not in unknown.text


def test_a_head_starts_no_work(stage, client):
    assert client.head("/run/acme/app?prompt=x").status_code == 405
    assert stage.services.store.list_jobs() == []


def test_a_token_is_no_key_for_a_plain_call(stage, client):
    token = token_for(client, "app")
    with stage.client(None) as page:
        assert page.post(f"/run/acme/app?fal_jwt_token={token}", json={}).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"allowed_apps": []},
        {"allowed_apps": "app"},
        {"allowed_apps": [1]},
        {"allowed_apps": ["a b"]},
        {"allowed_apps": ["app"], "token_expiration": "soon"},
        {"allowed_apps": ["app"], "token_expiration": -1},
        {"allowed_apps": ["app"] * 101},
    ],
)
def test_a_token_for_nothing_in_particular_is_refused(client, body):
    reply = client.post("/rest/tokens/", json=body)

    assert reply.status_code == 422
    assert isinstance(reply.json()["detail"], list)


@pytest.mark.parametrize(
    ("body", "token_of"),
    [
        ({"app": "acme/app/realtime", "duration": 60}, lambda said: said),
        ({"allowed_apps": ["acme/app/realtime"], "duration": 60}, lambda said: said["token"]),
    ],
    ids=["as fal takes it", "as fal documents it"],
)
def test_a_pages_server_gets_a_token_for_its_full_path(stage, client, clock, body, token_of):
    token = token_of(client.post("/rest/tokens/realtime", json=body).json())

    def followed():
        with stage.client(None) as page:
            path = "/queue/acme/app/requests/nobody/status/stream"
            return page.get(path, params={"fal_jwt_token": token}).status_code

    assert followed() == 404
    clock.sleep(61)
    assert followed() == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"app": ["a"]}, "app"),
        ({"app": "a b"}, "app"),
        ({}, "allowed_apps"),
        ({"app": "a", "duration": "soon"}, "duration"),
    ],
)
def test_a_pages_server_is_told_which_field_is_wrong(client, body, field):
    reply = client.post("/rest/tokens/realtime", json=body)

    assert (reply.status_code, reply.json()["detail"][0]["loc"]) == (422, ["body", field])


def test_ten_thousand_events_arrive_whole_though_the_reader_dawdles(stage):
    """More than any buffer on the way holds: what is not read yet waits in the feed."""
    count = 10_000
    pad = "x" * 200
    with stage.asking("/run/acme/app/stream", {"prompt": "a cat"}) as line:
        job = stage.only_job()
        stage.start(job.id)
        for at in range(0, count, 1000):
            pieces = [json.dumps({"part": number, "pad": pad}) for number in range(at, at + 1000)]
            stage.services.feed.append([NewEntry(job.id, "partial", one, 0.0) for one in pieces])
            stage.services.announcer.changed([job.id])
        assert line.recv(100).startswith(b"HTTP/1.1 200 OK")
        stage.succeed(job.id, {"text": "all"})
        told = b""
        while not told.endswith(b"0\r\n\r\n"):
            told += line.recv(1 << 20)

    numbers = [int(found) for found in re.findall(rb'data: \{"part": (\d+)', told)]
    assert numbers == list(range(count))
    assert b'data: {"text": "all"}' in told
