"""``/v1/tasks``: all nineteen task types by name, waited for or not."""

from __future__ import annotations

import json

import pytest

from handlers.announcements import Renderer
from handlers.app import create_app
from handlers.dialects.task_types import DIALECT
from handlers.dialects.task_types.naming import endpoint_for, is_sync
from handlers.moments import iso
from pilotlight.catalogue import discover
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from pilotlight.contracts.tasks import TASKS
from pilotlight.errors import Problem
from pilotlight.settings import IngressSettings, RouteSettings
from tests.dialects.records.task_calls import PATH, PAYLOADS, WORKERS, called, post
from tests.dialects.stage import LEASE, Background, Stage, served, services_in, until


@pytest.mark.parametrize("task", [name for name in TASKS if TASKS[name].sync])
def test_a_sync_task_answers_with_its_output(stage, client, task):
    call, job = called(stage, client, task)
    stage.succeed(job.id, {"made": "by hand"})
    reply = call.result()

    assert (reply.status_code, reply.json()) == (200, {"made": "by hand"})
    assert reply.headers["x-request-id"] == job.id
    assert (job.endpoint, job.worker) == (f"jack/{task}", "jack")
    assert set(json.loads(job.input)) == set(PAYLOADS[task])


@pytest.mark.parametrize("task", [name for name in TASKS if not TASKS[name].sync])
def test_an_async_task_answers_with_a_request_id_to_look_at(stage, client, task):
    reply = post(client, task)
    said = reply.json()
    rid = said["request_id"]

    assert (reply.status_code, said["status"], said["output"]) == (202, "pending", None)
    assert reply.headers["x-request-id"] == rid
    stage.succeed(rid, {"video": {"url": "https://a.example/b.mp4"}})
    assert client.get(f"{PATH}/{rid}").json()["output"]["video"]["url"].endswith("b.mp4")


def test_there_is_a_payload_for_each_of_the_nineteen():
    assert set(PAYLOADS) == set(TASKS)


def test_the_record_from_the_submit_to_the_output(stage, client, clock):
    clock.sleep(1)
    born = clock.now()
    said = post(client, "fal/text-to-video", id="film", tags=[{"key": "a", "value": "b"}]).json()
    rid = said["request_id"]
    waiting = {
        "id": "film",
        "request_id": rid,
        "task": "fal/text-to-video",
        "model": "jack",
        "status": "pending",
        "progress": 0.0,
        "created_at": iso(born),
        "started_at": None,
        "completed_at": None,
        "output": None,
        "error": None,
        "tags": [{"key": "a", "value": "b"}],
    }
    assert said == waiting

    clock.sleep(1)
    job = stage.start(rid)
    stage.move(rid, moves.beat(job, now=clock.now(), progress=0.25, **LEASE))
    running = {
        **waiting,
        "status": "running",
        "progress": 0.25,
        "started_at": iso(born + 1),
    }
    assert client.get(f"{PATH}/{rid}").json() == running

    clock.sleep(1)
    stage.succeed(rid, {"seed": 1})
    for path in (f"{PATH}/{rid}", f"/fal/requests/{rid}", f"/fal/requests/{rid}/status"):
        assert client.get(path).json() == {
            **running,
            "status": "completed",
            "progress": 1.0,
            "completed_at": iso(born + 2),
            "output": {"seed": 1},
        }


def test_a_sync_task_need_not_be_waited_for(client):
    reply = post(client, **{"async": True})

    assert (reply.status_code, reply.json()["status"]) == (202, "pending")


def test_a_sync_task_that_takes_too_long_is_a_request_id_and_goes_on(tmp_path, clock):
    short = IngressSettings(sync_timeout_s=0.01)
    with (
        services_in(tmp_path, clock, workers=WORKERS, ingress=short) as services,
        served(create_app(services)) as url,
    ):
        stage = Stage(services, url)
        with stage.client() as client:
            call = Background(post, client)
            job = stage.only_job()
            until(lambda: clock.sleep(1) or call.ended)
            reply = call.result()

        assert (reply.status_code, reply.json()["request_id"]) == (202, job.id)
        assert not stage.job(job.id).status.is_terminal


def test_a_caller_who_hangs_up_on_a_sync_task_cancels_it(stage):
    document = {"task": "fal/text-to-image", "model": "jack", "payload": {"prompt": "a"}}
    before = stage.newest()
    with stage.asking(PATH, document):
        until(lambda: stage.newest() != before)
        job = stage.newest()
    until(lambda: stage.job(job.id).status.is_terminal)

    assert stage.job(job.id).status is JobStatus.CANCELLED


def test_the_input_may_be_called_input(stage, client):
    rid = post(client, input={"prompt": "a"}, **{"async": True}).json()["request_id"]

    assert json.loads(stage.job(rid).input) == {"prompt": "a"}


def test_a_failed_sync_task_answers_with_its_error(stage, client):
    call, job = called(stage, client)
    problem = Problem(("body", "prompt"), "not allowed", "content_policy_violation")
    stage.fail(job.id, "invalid_input", "not allowed", 422, problem)
    reply = call.result()

    assert reply.status_code == 422
    assert reply.json() == {
        "error": {
            "message": "not allowed",
            "type": "invalid_request_error",
            "param": "prompt",
            "code": "invalid_input",
            "fields": [
                {"field": "prompt", "message": "not allowed", "type": "content_policy_violation"}
            ],
        }
    }


def test_a_failed_task_keeps_its_error_in_the_record(stage, client):
    rid = post(client, "fal/text-to-video").json()["request_id"]
    stage.fail(rid, "worker_error", "the model broke")
    said = client.get(f"{PATH}/{rid}").json()

    assert (said["status"], said["output"]) == ("failed", None)
    assert said["error"] == {
        "message": "the model broke", "type": "server_error", "param": None, "code": "worker_error",
    }  # fmt: skip


def test_a_task_is_cancelled_once(stage, client, stranger):
    rid = post(client, "fal/text-to-video").json()["request_id"]

    assert stranger.post(f"{PATH}/{rid}/cancel").status_code == 404
    said = client.post(f"{PATH}/{rid}/cancel").json()
    assert (said["status"], said["error"]["code"]) == ("failed", "cancelled")
    assert stage.job(rid).status is JobStatus.CANCELLED
    again = client.post(f"{PATH}/{rid}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (400, "already_finished")


def test_the_table_lists_the_nineteen_with_who_does_them(client):
    found = {one["task"]: one for one in client.get(PATH).json()["tasks"]}

    assert set(found) == set(TASKS)
    assert {name for name, one in found.items() if one["sync"]} == {
        name for name in TASKS if TASKS[name].sync
    }
    assert "acme/app" in found["fal/text-to-image"]["models"]
    assert "jack/fal/text-to-image" in found["fal/text-to-image"]["models"]
    # A model that looks at pictures can talk as well.
    assert "jack/openai/chat-completion/vision" in found["openai/chat-completion"]["models"]


def test_the_webhook_is_the_record(stage, client):
    hook = "https://example.org/hook"
    done, lost = (
        post(client, "fal/text-to-video", webhook_url=hook).json()["request_id"] for _ in range(2)
    )
    stage.succeed(done, {"seed": 1})
    stage.fail(lost, "worker_error", "the model broke")
    render = Renderer(stage.services.control, {DIALECT.name: DIALECT}, base_url=stage.url)

    for rid, status in ((done, "completed"), (lost, "failed")):
        said = json.loads(render(stage.job(rid)))
        assert said == client.get(f"{PATH}/{rid}").json()
        assert said["status"] == status


@pytest.mark.parametrize(
    ("task", "model", "endpoint"),
    [
        ("fal/text-to-image", "acme/app", "acme/app"),
        ("fal/text-to-image", "fal-ai/fast-sdxl", "fal-ai/fast-sdxl"),
        ("openai/chat-completion", "jack", "jack/openai/chat-completion"),
        ("openai/chat-completion/ocr", "jack", "jack/openai/chat-completion/ocr"),
        ("openai/chat-completion", "jack/openai/chat-completion/vision", None),
        ("openai/chat-completion/ocr", "jack/openai/chat-completion/vision", None),
        ("fal/audio-transcription", "jack/openai/audio-transcription", None),
        ("openai/audio-transcription", "jack/fal/audio-transcription", None),
    ],
)
def test_task_and_model_name_an_endpoint(task, model, endpoint):
    routes = (RouteSettings(endpoint="fal-ai/fast-sdxl", worker="pictures"),)

    assert endpoint_for(discover(WORKERS, routes), task, model) == (endpoint or model)


def test_what_is_in_no_table_is_not_waited_for():
    assert is_sync("fal/ocr")
    assert not is_sync("fal/text-to-video")
    assert not is_sync("fal/text-to-music")
