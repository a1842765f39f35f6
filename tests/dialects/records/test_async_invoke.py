"""``/v1/async-invoke``: the envelope of a job's whole life, field by field."""

from __future__ import annotations

import json

import pytest

from handlers.announcements import Renderer
from handlers.app import create_app
from handlers.dialects.async_invoke import DIALECT
from handlers.moments import iso
from pilotlight.contracts import moves
from pilotlight.errors import Problem
from tests.dialects.stage import Stage, served, services_in

PATH = "/v1/async-invoke"
TAGS = [{"key": "type", "value": "test"}, {"key": "größe", "value": ""}]


def invoke(client, model_id="acme/app", **more):
    headers = more.pop("headers", {})
    body = {"model_id": model_id, "input": {"prompt": "a cat"}} | more
    return client.post(PATH, json=body, headers=headers)


def test_a_job_from_its_submit_to_its_result(stage, client, clock):
    clock.sleep(0.5)
    born = clock.now()
    reply = invoke(client, tags=TAGS)
    said = reply.json()
    rid = said["request_id"]

    assert reply.status_code == 202
    assert said == {
        "request_id": rid,
        "model_id": "acme/app",
        "status": "QUEUED",
        "created_at": iso(born),
        "started_at": None,
        "completed_at": None,
        "output": None,
        "error": None,
        "tags": TAGS,
    }
    assert client.get(f"{PATH}/{rid}/status").json() == said

    clock.sleep(1)
    stage.start(rid)
    running = {**said, "status": "IN_PROGRESS", "started_at": iso(born + 1)}
    for more in ("", "/status"):
        assert client.get(f"{PATH}/{rid}{more}").json() == running

    clock.sleep(2)
    stage.succeed(rid, {"text": "done"})
    done = {
        **running,
        "status": "COMPLETED",
        "completed_at": iso(born + 3),
        "output": {"text": "done"},
    }
    for more in ("", "/status"):
        found = client.get(f"{PATH}/{rid}{more}")
        assert (found.status_code, found.json()) == (200, done)


def test_moments_are_written_as_the_vendor_does():
    assert iso(1_769_109_559.112403) == "2026-01-22T19:19:19.112403Z"
    assert iso(0.0) == "1970-01-01T00:00:00.000000Z"
    assert iso(None) is None


def test_files_in_the_output_are_links_that_open_or_inline_where_the_input_says_so(stage, client):
    shown = []
    for inner in ({"prompt": "a"}, {"prompt": "a", "sync_mode": True}):
        rid = invoke(client, input=inner).json()["request_id"]
        output = {"images": [{"url": "artifact:0", "content_type": "image/png"}]}
        stage.succeed(rid, output, [stage.artifact(rid)])
        shown.append(client.get(f"{PATH}/{rid}").json()["output"]["images"][0]["url"])

    link, inline = shown
    assert link.startswith(stage.url + "/files/")
    assert client.get(link).content == b"pixels"
    assert inline.startswith("data:image/png;base64,")


@pytest.mark.parametrize("end", ["fail", "cancel", "expire"])
def test_what_did_not_succeed_has_failed_and_says_why(stage, client, clock, end):
    rid = invoke(client).json()["request_id"]
    if end == "fail":
        stage.fail(rid, "worker_error", "the model broke")
    elif end == "cancel":
        stage.services.control.cancel(rid, caller="alice")
    else:
        clock.sleep(10**6)
        stage.move(rid, moves.expire(stage.job(rid), now=clock.now()))
    said = client.get(f"{PATH}/{rid}").json()

    assert (said["status"], said["output"]) == ("FAILED", None)
    assert said["completed_at"]
    assert said["error"] == stage.services.control.error(stage.job(rid)).message
    assert said["error"]


@pytest.mark.parametrize(
    ("body", "field", "kind"),
    [
        ({"input": {}}, "model_id", "missing"),
        ({"model_id": "acme/app"}, "input", "missing"),
        ({"model_id": 5, "input": {}}, "model_id", "string_type"),
        ({"model_id": "", "input": {}}, "model_id", "string_too_short"),
        ({"model_id": "acme/app", "input": "a cat"}, "input", "dict_type"),
        ({"model_id": "acme/app", "input": {}}, "input.prompt", "missing"),
        ({"model_id": "acme/app", "input": {"prompt": 5}}, "input.prompt", "string_type"),
        ({"model_id": "acme/app", "input": {}, "tag": []}, "tag", "extra_forbidden"),
        ({"model_id": "acme/app", "input": {}, "tags": {"a": "b"}}, "tags", "list_type"),
        ({"model_id": "acme/app", "input": {}, "tags": [{"key": "a"}]}, "tags.0.value", "missing"),
        (
            {"model_id": "acme/app", "input": {}, "tags": [{"key": "", "value": "b"}]},
            "tags.0.key",
            "string_too_short",
        ),
        (
            {"model_id": "acme/app", "input": {"prompt": "a"}, "webhook_url": "ftp://a"},
            "webhook_url",
            "url_parsing",
        ),
        ([], "body", "model_type"),
    ],
)
def test_a_wrong_body_is_told_which_field_and_nothing_is_recorded(stage, client, body, field, kind):
    before = stage.newest()
    reply = client.post(PATH, json=body)
    said = reply.json()

    assert reply.status_code == 422
    assert said["id"] == "unprocessable_entity"
    assert {"field": field, "type": kind} in [
        {"field": one["field"], "type": one["type"]} for one in said["fields"]
    ]
    assert said["fields"][0]["field"].split(".")[-1] in said["message"]
    assert stage.newest() == before


def test_no_json_and_too_many_tags_are_refused(client):
    assert client.post(PATH, content=b"{").json()["fields"][0]["type"] == "json_invalid"
    many = invoke(client, tags=[{"key": str(n), "value": "x"} for n in range(51)])
    assert many.json()["fields"][0] | {"message": ""} == {
        "field": "tags", "message": "", "type": "too_long",
    }  # fmt: skip


def test_an_unknown_model_is_a_404_with_the_nearest_name(client):
    reply = invoke(client, "acme/ap")

    assert (reply.status_code, reply.json()["id"]) == (404, "not_found")
    assert "did you mean acme/app?" in reply.json()["message"]


def test_another_callers_job_is_as_unknown_as_none(client, stranger):
    rid = invoke(client, tags=TAGS).json()["request_id"]

    for path in (f"{PATH}/{rid}", f"{PATH}/{rid}/status"):
        theirs, nobodys = stranger.get(path), client.get(path.replace(rid, "nobodys"))
        assert theirs.status_code == nobodys.status_code == 404
        expected = {"id": "not_found", "message": "no such job"}
        assert theirs.json() == {**expected, "request_id": rid}
        assert nobodys.json() == {**expected, "request_id": "nobodys"}


def test_without_a_key_there_is_a_401_in_this_shape(stage):
    with stage.client(None) as anybody:
        for reply in (invoke(anybody), anybody.get(PATH + "/x"), anybody.get(PATH + "/x/status")):
            assert (reply.status_code, reply.json()["id"]) == (401, "unauthorized")
            assert sorted(reply.json()) == ["id", "message"]


def test_a_full_queue_is_a_429_with_the_vendors_rate_headers(tmp_path, clock):
    with (
        services_in(tmp_path, clock, quota={"queued_jobs": 1}) as services,
        served(create_app(services)) as url,
        Stage(services, url).client() as client,
    ):
        assert invoke(client).status_code == 202
        reply = invoke(client)

    assert (reply.status_code, reply.json()["id"]) == (429, "too_many_requests")
    assert int(reply.headers["retry-after"]) >= 1


def test_one_idempotency_key_is_one_job_and_its_result_when_there_is_one(stage, client):
    key = {"idempotency-key": "k"}
    first = invoke(client, headers=key)
    again = invoke(client, headers=key)
    stage.succeed(first.json()["request_id"], {"text": "done"})
    late, other = invoke(client, headers=key), invoke(client, headers=key, input={"prompt": "b"})

    assert (first.status_code, again.status_code, late.status_code) == (202, 202, 200)
    assert again.json() == first.json()
    assert late.json()["output"] == {"text": "done"}
    assert (other.status_code, other.json()["fields"][0]["type"]) == (422, "idempotency_mismatch")


def test_the_webhook_is_the_envelope(stage, client):
    rid = invoke(client, tags=TAGS, webhook_url="https://example.org/hook").json()["request_id"]
    assert stage.job(rid).webhook == "https://example.org/hook"
    stage.succeed(rid, {"text": "done"})
    render = Renderer(stage.services.control, {DIALECT.name: DIALECT}, base_url=stage.url)

    assert json.loads(render(stage.job(rid))) == client.get(f"{PATH}/{rid}").json()


def test_a_failed_jobs_webhook_says_why(stage, client):
    rid = invoke(client, webhook_url="https://example.org/hook").json()["request_id"]
    problem = Problem(("body", "prompt"), "not allowed", "content_policy_violation")
    stage.fail(rid, "invalid_input", "not allowed", 422, problem)
    render = Renderer(stage.services.control, {DIALECT.name: DIALECT}, base_url=stage.url)
    said = json.loads(render(stage.job(rid)))

    assert (said["status"], said["error"], said["output"]) == ("FAILED", "not allowed", None)
