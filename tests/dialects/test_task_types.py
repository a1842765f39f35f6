"""``/v1/tasks``: all nineteen task types by name, waited for or not."""

from __future__ import annotations

import json
import socket

import pytest

from handlers.announcements import Renderer
from handlers.app import create_app
from handlers.dialects.task_types import DIALECT
from handlers.dialects.task_types.naming import endpoint_for, is_sync
from handlers.moments import iso
from pilotlight.adapters.local.clock import ManualClock
from pilotlight.catalogue import discover
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from pilotlight.contracts.tasks import TASKS
from pilotlight.errors import InvalidInput, Problem, UnknownEndpoint
from pilotlight.settings import IngressSettings, RouteSettings
from tests.contracts.test_media_limits import film, png, uri, wav
from tests.dialects.stage import LEASE, Background, Stage, served, services_in, until

PATH = "/v1/tasks"
WORKERS = ("tests.dialects.stock", "tests.dialects.trades")
IMAGE, SOUND, FILM = uri(png(64, 64)), uri(wav(1)), uri(film(1))
TALK = [{"role": "user", "content": "What is in this picture?"}]
PARTS = [
    {"type": "text", "text": "What is in this picture?"},
    {"type": "image_url", "image_url": {"url": IMAGE}},
]
LOOK = {"messages": [{"role": "user", "content": PARTS}], "temperature": 0.5, "max_tokens": 10}
STEPS = {"num_inference_steps": 4, "guidance_scale": 2.5, "seed": 1}
CLIP = {"prompt": "a boat", "resolution": "480p", "aspect_ratio": "16:9", **STEPS}
FRAMES = {"num_frames": 16, "fps": 8}
LORAS = [{"path": uri(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "), "scale": 4}]
PAYLOADS = {
    "openai/chat-completion": {"messages": TALK, "top_p": 0.9, "stop": ["x"], "tools": []},
    "openai/chat-completion/vision": LOOK,
    "openai/chat-completion/ocr": LOOK,
    "openai/chat-completion/moderation": {"messages": TALK},
    "openai/embeddings": {"input": ["a", "b"], "encoding_format": "float", "dimensions": 4},
    "openai/rerank": {
        "model": "jack", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1,
        "return_documents": True,
    },
    "openai/score": {"model": "jack", "text_1": "a", "text_2": ["b", "c"]},
    "openai/audio-speech": {"input": "a", "voice": "v", "response_format": "wav", "speed": 1.5},
    "openai/audio-transcription": {"audio_url": SOUND, "language": "en", "task": "transcribe"},
    "openai/image-generation": {
        "prompt": "a", "n": 2, "size": "512x512", "quality": "hd", "response_format": "b64_json",
    },
    "fal/text-to-image": {
        "prompt": "a", "negative_prompt": "b", "image_size": "square_hd", **STEPS, "num_images": 10,
        "loras": LORAS, "enable_safety_checker": True, "output_format": "png",
    },
    "fal/image-edit": {
        "prompt": "a", "image_url": IMAGE, "mask_url": IMAGE, "strength": 1, **STEPS,
        "num_images": 10, "loras": LORAS,
    },
    "fal/text-to-video": {**CLIP, **FRAMES, "output_format": "mp4"},
    "fal/image-to-video": {**CLIP, **FRAMES, "image_url": IMAGE},
    "fal/speech-to-video": {"audio_url": SOUND, "image_url": IMAGE, "prompt": "a", **STEPS},
    "fal/audio-transcription": {"audio_url": SOUND, "language": "en", "task": "translate"},
    "fal/video-interpolate": {"video_url": FILM},
    "fal/video-upscale": {"video_url": FILM},
    "fal/ocr": {"image_url": IMAGE},
}  # fmt: skip
"""Every published field of each type."""


@pytest.fixture(scope="module")
def clock():
    return ManualClock()


@pytest.fixture(scope="module")
def stage(tmp_path_factory, clock):
    with (
        services_in(tmp_path_factory.mktemp("tasks"), clock, workers=WORKERS) as services,
        served(create_app(services)) as url,
    ):
        yield Stage(services, url)


@pytest.fixture(scope="module")
def client(stage):
    with stage.client() as client:
        yield client


@pytest.fixture(scope="module")
def stranger(stage):
    """Somebody with another key."""
    with stage.client("somebody else's key") as client:
        yield client


def post(client, task="fal/text-to-image", model="jack", **more):
    headers = more.pop("headers", {})
    body = {"task": task, "model": model}
    if not {"payload", "input"} & set(more):
        body["payload"] = PAYLOADS.get(task, {})
    return client.post(PATH, json=body | more, headers=headers)


def called(stage, client, *words, **more):
    """A call that waits, and the job that it made."""
    before = stage.newest()
    call = Background(post, client, *words, **more)
    until(lambda: stage.newest() != before)
    return call, stage.newest()


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
    body = json.dumps({"task": "fal/text-to-image", "model": "jack", "payload": {"prompt": "a"}})
    before = stage.newest()
    host, port = stage.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(
            b"POST /v1/tasks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a key for tests\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body.encode()
        )
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


@pytest.mark.parametrize(
    ("body", "param", "kind"),
    [
        ({"model": "jack", "payload": {}}, "task", "missing"),
        ({"task": "fal/ocr", "payload": {}}, "model", "missing"),
        ({"task": 5, "model": "jack", "payload": {}}, "task", "string_type"),
        ({"task": "fal/ocr", "model": "jack"}, "body", "value_error"),
        ({"task": "fal/ocr", "model": "jack", "input": {}, "payload": {}}, "body", "value_error"),
        ({"task": "fal/ocr", "model": "jack", "payload": []}, "payload", "dict_type"),
        ({"task": "fal/ocr", "model": "jack", "payload": {}}, "payload.image_url", "missing"),
        ({"task": "fal/ocr", "model": "jack", "input": {}}, "input.image_url", "missing"),
        ({"task": "fal/ocr", "model": "jack", "payload": {}, "x": 1}, "x", "extra_forbidden"),
        (
            {"task": "fal/text-to-image", "model": "jack", "payload": {"prompt": 5}},
            "payload.prompt",
            "string_type",
        ),
        (
            {"task": "fal/ocr", "model": "jack", "payload": {"image_url": "http://a.invalid/b"}},
            "payload.image_url",
            "file_download_error",
        ),
        (
            {
                "task": "openai/chat-completion",
                "model": "jack",
                "payload": {"messages": TALK, "stream": True},
            },
            "payload.stream",
            "value_error",
        ),
        (
            {
                "task": "fal/ocr",
                "model": "jack",
                "payload": {"image_url": IMAGE},
                "webhook_url": "x",
            },
            "webhook_url",
            "url_parsing",
        ),
        ({"task": "fal/nothing", "model": "jack", "payload": {}}, "task", "value_error"),
        ({"task": "fal/ocr", "model": "acme/app", "payload": {}}, "task", "value_error"),
    ],
)
def test_a_wrong_body_is_told_which_field_and_nothing_is_recorded(stage, client, body, param, kind):
    before = stage.newest()
    reply = client.post(PATH, json=body)
    error = reply.json()["error"]

    assert reply.status_code == 422
    assert error["type"] == "invalid_request_error"
    assert (error["param"], error["fields"][0]["type"]) == (param, kind)
    assert error["message"]
    assert stage.newest() == before


def test_errors_about_names_say_which_there_are(client):
    no_task = post(client, "fal/nothing", payload={}).json()["error"]
    other = post(client, "fal/ocr", "acme/app").json()["error"]
    nobody = post(client, "fal/ocr", "jill")

    assert "fal/text-to-image" in no_task["message"]
    assert other["message"] == "acme/app does not do fal/ocr; it does fal/text-to-image"
    assert nobody.status_code == 404
    assert nobody.json()["error"]["code"] == "unknown_endpoint"
    assert nobody.json()["error"]["param"] == "model"
    assert "models that do fal/ocr here: jack/fal/ocr" in nobody.json()["error"]["message"]


def test_a_known_model_that_nobody_serves_says_how_to_route_it(client):
    reply = post(client, model="fal-ai/hidream-i1-full")

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unrouted_endpoint")
    assert "--routes" in reply.json()["error"]["message"]


def test_another_callers_task_is_as_unknown_as_none(client, stranger):
    rid = post(client, "fal/text-to-video").json()["request_id"]

    for path in (f"{PATH}/{rid}", f"/fal/requests/{rid}"):
        theirs, nobodys = stranger.get(path), client.get(path.replace(rid, "nobodys"))
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json() == nobodys.json()
        assert theirs.json()["error"]["code"] == "unknown_job"


def test_without_a_key_there_is_a_401_in_this_shape(stage):
    with stage.client(None) as anybody:
        for reply in (post(anybody), anybody.get(PATH), anybody.get(f"{PATH}/x")):
            assert reply.status_code == 401
            assert reply.json()["error"]["code"] == "unauthenticated"


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


@pytest.mark.parametrize(
    ("task", "model", "problem"),
    [
        ("openai/chat-completion/vision", "jack/openai/chat-completion", InvalidInput),
        ("openai/chat-completion", "jack/openai/embeddings", InvalidInput),
        ("openai/chat", "jack", InvalidInput),
        ("openai/chat-completion", "jil", UnknownEndpoint),
    ],
)
def test_no_task_is_given_to_a_model_that_cannot_do_it(task, model, problem):
    with pytest.raises(problem):
        endpoint_for(discover(WORKERS), task, model)


def test_what_is_in_no_table_is_not_waited_for():
    assert is_sync("fal/ocr")
    assert not is_sync("fal/text-to-video")
    assert not is_sync("fal/text-to-music")
