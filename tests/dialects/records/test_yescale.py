"""``/fal-ai/...``: the task record, field by field."""

from __future__ import annotations

import json

import pytest

from handlers.announcements import Renderer
from handlers.app import create_app
from handlers.dialects.yescale import DIALECT, endpoint_at
from pilotlight.catalogue import discover
from pilotlight.contracts import moves
from pilotlight.errors import Problem
from pilotlight.settings import RouteSettings
from tests.dialects.stage import LEASE, Stage, served, services_in


def submit(client, path="acme/app", body=None, **more):
    return client.post(
        f"/fal-ai/{path}", json={"prompt": "a cat"} if body is None else body, **more
    )


def task(client, **more):
    reply = submit(client, **more)
    assert reply.status_code == 200, reply.text
    return reply.json()["task_id"]


def test_a_submit_answers_with_the_tasks_id_in_both_places(client):
    reply = submit(client)
    said = reply.json()

    assert said == {
        "code": "success", "message": "", "data": said["task_id"], "task_id": said["task_id"],
    }  # fmt: skip


def test_the_record_of_a_job_from_its_submit_to_its_result(stage, client, clock):
    clock.sleep(0.9)
    born = int(clock.now())
    task_id = task(client)
    record = {
        "action": "fal-acme-app",
        "data": None,
        "finish_time": 0,
        "message": "queued",
        "platform": "fal-ai",
        "progress": "0%",
        "status": "QUEUED",
        "submit_time": born,
        "task_id": task_id,
    }
    assert client.get(f"/fal-ai/{task_id}").json() == record

    job = stage.start(task_id)
    record |= {"status": "IN_PROGRESS", "message": "in_progress"}
    assert client.get(f"/fal-ai/{task_id}").json() == record
    for progress, percent in ((0.005, "0%"), (0.426, "42%"), (1.0, "99%")):
        stage.move(task_id, moves.beat(job, now=clock.now(), progress=progress, **LEASE))
        assert client.get(f"/fal-ai/{task_id}").json() == {**record, "progress": percent}

    clock.sleep(15)
    stage.succeed(task_id, {"text": "done"})
    found = client.get(f"/fal-ai/{task_id}")
    assert found.status_code == 200
    assert found.json() == {
        **record,
        "data": {"text": "done"},
        "finish_time": int(clock.now()),
        "message": "success",
        "progress": "100%",
        "status": "SUCCESS",
    }


def test_files_in_the_data_are_links_that_open(stage, client):
    task_id = task(client)
    output = {"images": [{"url": "artifact:0", "content_type": "image/png"}], "seed": 7}
    stage.succeed(task_id, output, [stage.artifact(task_id)])
    data = client.get(f"/fal-ai/{task_id}").json()["data"]

    assert data["seed"] == 7
    assert client.get(data["images"][0]["url"]).content == b"pixels"


@pytest.mark.parametrize("end", ["fail", "cancel", "expire"])
def test_a_failure_is_a_hundred_percent_over_and_says_why(stage, client, clock, end):
    task_id = task(client)
    if end == "fail":
        stage.fail(task_id, "worker_error", "the model broke")
    elif end == "cancel":
        stage.services.control.cancel(task_id, caller="alice")
    else:
        clock.sleep(10**6)
        stage.move(task_id, moves.expire(stage.job(task_id), now=clock.now()))
    said = client.get(f"/fal-ai/{task_id}").json()

    assert (said["status"], said["progress"], said["data"]) == ("FAILURE", "100%", None)
    assert said["finish_time"] == int(clock.now())
    assert said["message"] == stage.services.control.error(stage.job(task_id)).message


def test_a_job_that_was_only_accepted_is_submitted(stage, client, make_job):
    stage.services.store.create([make_job(id="fresh")])

    assert client.get("/fal-ai/fresh").json()["status"] == "SUBMITTED"


@pytest.mark.parametrize(
    ("path", "endpoint", "action"),
    [
        ("flux-pro/kontext/max", "fal-ai/flux-pro/kontext/max", "fal-flux-pro-kontext-max"),
        ("acme/app/sub", "acme/app/sub", "fal-acme-app-sub"),
    ],
)
def test_the_path_names_one_of_fals_endpoints_or_else_any(tmp_path, clock, path, endpoint, action):
    kontext = RouteSettings(endpoint="fal-ai/flux-pro/kontext/max", worker="pictures")
    with (
        services_in(tmp_path, clock, routes=(kontext,)) as services,
        served(create_app(services)) as url,
    ):
        stage = Stage(services, url)
        picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        with stage.client() as client:
            task_id = task(client, path=path, body={"prompt": "a", "image_url": picture})
            said = client.get(f"/fal-ai/{task_id}").json()

        assert stage.job(task_id).endpoint == endpoint
        assert said["action"] == action


def test_fals_own_endpoint_goes_before_another_of_the_same_rest():
    routes = tuple(RouteSettings(endpoint=name, worker="pictures") for name in ("fal-ai/x", "x"))
    found = discover(("tests.dialects.stock",), routes)

    assert endpoint_at("/x/", found) == "fal-ai/x"
    assert endpoint_at("acme/app", found) == "acme/app"
    assert endpoint_at("no/such", found) == "fal-ai/no/such"


@pytest.mark.parametrize(
    ("body", "field", "kind"),
    [
        ({}, "prompt", "missing"),
        ({"prompt": 5}, "prompt", "string_type"),
        ({"prompt": "a", "steps": 51}, "steps", "less_than_equal"),
        ([], "body", "model_type"),
    ],
)
def test_a_wrong_input_is_told_which_field_and_nothing_is_recorded(
    stage, client, body, field, kind
):
    before = stage.newest()
    reply = submit(client, body=body)
    said = reply.json()

    assert (reply.status_code, said["code"]) == (422, "invalid_request")
    ((told, why),) = [(one["field"], one["type"]) for one in said["data"]["fields"]]
    assert (told, why) == (field, kind)
    assert told.split(".")[-1] in said["message"]
    assert stage.newest() == before


def test_a_webhook_that_is_no_url_is_named(client):
    said = submit(client, params={"fal_webhook": "nonsense"}).json()

    assert said["code"] == "invalid_request"
    assert said["data"]["fields"][0]["field"] == "query.fal_webhook"


def test_an_unknown_model_is_a_404_with_the_nearest_name(client):
    reply = submit(client, "hidream-i1-ful")
    advised = submit(client, "hidream-i1-full")

    assert (reply.status_code, reply.json()["code"]) == (404, "unknown_endpoint")
    assert "did you mean fal-ai/hidream-i1-full?" in reply.json()["message"]
    assert (advised.status_code, advised.json()["code"]) == (404, "unrouted_endpoint")
    assert "--routes" in advised.json()["message"]


def test_another_callers_task_is_as_unknown_as_none(client, stranger):
    task_id = task(client)
    replies = [stranger.get(f"/fal-ai/{task_id}"), client.get("/fal-ai/nobodys")]

    for reply in replies:
        assert reply.status_code == 404
        assert reply.json() == {"code": "task_not_exist", "message": "no such job", "data": None}


def test_a_path_that_is_no_task_says_where_tasks_are(client):
    reply = client.get("/fal-ai/acme/app/requests/x")

    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert "/fal-ai/TASK_ID" in reply.json()["message"]


def test_without_a_key_there_is_a_401_in_this_shape(stage):
    with stage.client(None) as anybody:
        for reply in (submit(anybody), anybody.get("/fal-ai/x")):
            assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
            assert sorted(reply.json()) == ["code", "data", "message"]


def test_the_webhook_is_the_record(stage, client):
    done, lost = (task(client, params={"fal_webhook": "https://example.org/h"}) for _ in range(2))
    stage.succeed(done, {"text": "done"})
    problem = Problem(("body", "prompt"), "not allowed", "content_policy_violation")
    stage.fail(lost, "invalid_input", "not allowed", 422, problem)
    render = Renderer(stage.services.control, {DIALECT.name: DIALECT}, base_url=stage.url)

    for task_id, status in ((done, "SUCCESS"), (lost, "FAILURE")):
        said = json.loads(render(stage.job(task_id)))
        assert said == client.get(f"/fal-ai/{task_id}").json()
        assert said["status"] == status
