"""``/api/jobs``: submit, look, cancel."""

from __future__ import annotations

import threading

import pytest

from pilotlight.contracts import moves
from pilotlight.contracts.job import JobError
from pilotlight.errors import Problem
from pilotlight.ports.fleet import ColdStart
from tests.dialects.native_jobs import APP, JOBS, error_of, submit
from tests.dialects.stage import DEADLINE_S, Background
from tests.receiver import receiver


def test_a_submit_answers_with_the_whole_job(stage, client):
    reply = client.post(
        JOBS,
        json={
            "endpoint": APP,
            "input": {"prompt": "a cat"},
            "priority": "low",
            "tags": [{"key": "project", "value": "lighthouse"}],
            "start_timeout_s": 60,
            "run_timeout_s": 5,
            "artifact_ttl_s": 3600,
            "keep_s": 7200,
            "webhook": "https://example.org/hook",
            "may_retry": False,
            "stream": True,
        },
    )
    said = reply.json()
    job = stage.job(said["id"])

    assert reply.status_code == 202
    assert reply.headers["location"] == said["url"] == f"{stage.url}{JOBS}/{job.id}"
    assert said == {
        "id": job.id,
        "endpoint": APP,
        "worker": "pictures",
        "origin": "native",
        "status": "queued",
        "priority": "low",
        "tags": [{"key": "project", "value": "lighthouse"}],
        "created_at": said["created_at"],
        "started_at": None,
        "ended_at": None,
        "attempt": 0,
        "error": None,
        "retry_of": None,
        "url": said["url"],
        "progress": {
            "stage": "cold_start",
            "fraction": 0.0,
            "position": 0,
            "cold_start": {
                "stage": "starting", "step": None, "fraction": None, "eta_s": None, "error": None,
            },
            "eta_s": None,
        },
        "output": None,
        "artifacts": [],
        "attempts": [],
        "webhook": {
            "job_id": job.id, "url": "https://example.org/hook", "state": "not yet", "tries": 0,
            "due_at": None, "ended_at": None,
        },
    }  # fmt: skip
    assert said["created_at"].endswith("Z")
    assert (job.start_by - job.created_at, job.run_timeout_s) == (60, 5)
    assert (job.artifact_ttl_s, job.keep_s, job.max_attempts, job.streaming) == (
        3600,
        7200,
        1,
        True,
    )


def test_a_worker_never_runs_longer_than_it_allows_itself(stage, client):
    said = submit(client, run_timeout_s=1_000_000)

    assert stage.job(said["id"]).run_timeout_s == 300


WRONG = [
    ({}, "endpoint", "missing"),
    ({"endpoint": APP, "input": {"prompt": 5}}, "input.prompt", "string_type"),
    ({"endpoint": APP, "input": {}}, "input.prompt", "missing"),
    ({"endpoint": APP, "input": {"prompt": "x", "steps": 99}}, "input.steps", "less_than_equal"),
    ({"endpoint": APP, "inputs": {}}, "inputs", "extra_forbidden"),
    ({"endpoint": APP, "priority": "high"}, "priority", "literal_error"),
    ({"endpoint": APP, "start_timeout_s": -1}, "start_timeout_s", "greater_than"),
    ({"endpoint": APP, "webhook": "gopher://x"}, "webhook", "url_parsing"),
    ({"endpoint": APP, "tags": [{"key": "a"}]}, "tags.0.value", "missing"),
    ({"endpoint": APP, "max_queue": -1}, "max_queue", "greater_than_equal"),
]


def test_what_is_wrong_is_named_field_by_field(stage, client):
    for body, field, kind in WRONG:
        status, error = error_of(client.post(JOBS, json=body))

        assert (status, error["code"], error["field"]) == (422, "invalid_input", field), body
        assert [problem["type"] for problem in error["problems"]] == [kind], body
    assert stage.services.store.list_jobs() == []


def test_every_wrong_field_is_told_at_once(client):
    status, error = error_of(
        client.post(JOBS, json={"endpoint": APP, "input": {"prompt": 5, "steps": 0}})
    )

    assert status == 422
    assert [one["field"] for one in error["problems"]] == ["input.prompt", "input.steps"]


def test_other_refusals_have_the_same_shape(stage, client, stranger):
    unknown = client.post(JOBS, json={"endpoint": "acme/ap", "input": {}})
    broken = client.post(JOBS, content=b'{"endpoint": ')
    unrouted = client.post(JOBS, json={"endpoint": "fal-ai/ovi", "input": {}})
    mine = submit(client)["id"]

    assert error_of(unknown)[0] == 404
    assert "did you mean acme/app" in error_of(unknown)[1]["message"]
    assert (broken.status_code, error_of(broken)[1]["code"]) == (422, "json_invalid")
    assert (unrouted.status_code, error_of(unrouted)[1]["code"]) == (404, "unrouted_endpoint")
    assert "[[route]]" in error_of(unrouted)[1]["message"]
    for reply in (stranger.get(f"{JOBS}/{mine}"), client.get(f"{JOBS}/nobody")):
        assert (reply.status_code, error_of(reply)[1]["code"]) == (404, "unknown_job")
    with stage.client(None) as anybody:
        assert error_of(anybody.get(JOBS))[1]["code"] == "unauthenticated"


def test_a_full_queue_says_when_to_come_back(client):
    submit(client)
    submit(client)
    reply = client.post(JOBS, json={"endpoint": APP, "input": {"prompt": "x"}, "max_queue": 1})

    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "backlog_full")
    assert int(reply.headers["retry-after"]) >= 1


@pytest.mark.parametrize("where", ["body", "header"])
def test_one_idempotency_key_makes_one_job(stage, client, where):
    def send(prompt):
        wish = {"endpoint": APP, "input": {"prompt": prompt}}
        if where == "body":
            return client.post(JOBS, json={**wish, "idempotency_key": "k"})
        return client.post(JOBS, json=wish, headers={"idempotency-key": "k"})

    first, second, other = send("a"), send("a"), send("b")

    assert first.json()["id"] == second.json()["id"]
    assert error_of(other)[1]["code"] == "idempotency_mismatch"
    assert len(stage.services.store.list_jobs()) == 1


def test_a_finished_job_has_output_artifacts_and_attempts(stage, client, clock):
    job_id = submit(client)["id"]
    held = stage.start(job_id)
    clock.sleep(1)
    stage.move(
        job_id,
        moves.retry(held, not_before=clock.now(), error=JobError("worker_error", "it broke")),
    )
    picture = stage.artifact(job_id)
    output = {"images": [{"url": "artifact:0"}], "text": "größe"}
    stage.start(job_id, "replica-2")
    clock.sleep(2)
    stage.succeed(job_id, output, [picture])

    said = client.get(f"{JOBS}/{job_id}").json()
    (artifact,) = said["artifacts"]

    assert (said["status"], said["progress"], said["attempt"]) == ("succeeded", None, 2)
    assert said["output"]["text"] == "größe"
    assert said["output"]["images"][0]["url"] == artifact["url"]
    assert client.get(artifact["url"]).content == b"pixels"
    assert (artifact["file_name"], artifact["size"], artifact["sha256"]) == (
        "a.png", 6, picture.sha256,
    )  # fmt: skip
    first, second = said["attempts"]
    assert (first["outcome"], first["replica"]) == ("failed, tried again", "replica-1")
    assert first["error"]["message"] == "it broke"
    assert (second["outcome"], second["replica"], second["error"]) == (
        "succeeded", "replica-2", None,
    )  # fmt: skip


def test_a_failed_job_says_why_in_the_shape_of_a_refusal(stage, client):
    job_id = submit(client)["id"]
    problem = Problem(("body", "prompt"), "too dark", "content_policy_violation")
    stage.fail(job_id, "invalid_input", "prompt: too dark", 422, problem)

    said = client.get(f"{JOBS}/{job_id}")

    assert said.status_code == 200
    assert said.json()["error"] == {
        "code": "invalid_input",
        "message": "prompt: too dark",
        "field": "prompt",
        "problems": [
            {"field": "prompt", "message": "too dark", "type": "content_policy_violation"}
        ],
    }


def test_how_long_it_will_take_is_told_as_far_as_it_is_known(stage, client, clock, monkeypatch):
    job_id = submit(client)["id"]
    behind = submit(client)["id"]

    def eta(one=job_id):
        return client.get(f"{JOBS}/{one}").json()["progress"]["eta_s"]

    assert eta() is None
    monkeypatch.setattr(
        type(stage.services.fleet), "cold_starts", lambda *_, **__: [ColdStart(2.0, 3.0)]
    )
    known = stage.services.controller._learner.of("pictures")
    for _ in range(3):
        known.finished(10.0)
    assert (eta(), eta(behind)) == (15.0, 25.0)
    held = stage.start(job_id)
    clock.sleep(4)
    assert eta() == 6.0
    stage.move(job_id, moves.beat(held, now=clock.now(), progress=0.5, lease_s=60, margin_s=10))
    assert eta() == 4.0
    stage.succeed(job_id, {})
    assert client.get(f"{JOBS}/{job_id}").json()["progress"] is None


def test_a_look_can_be_held_until_the_end(stage, client, clock):
    call = Background(
        client.post, JOBS + "?wait=60", json={"endpoint": APP, "input": {"prompt": "x"}}
    )
    stage.succeed(stage.only_job().id, {"text": "done"})
    reply = call.result()

    assert (reply.status_code, reply.json()["output"]) == (200, {"text": "done"})
    other = submit(client)["id"]
    held = Background(client.get, f"{JOBS}/{other}?wait=5")
    for _ in range(DEADLINE_S * 100):
        if held.ended:
            break
        clock.sleep(6)
        threading.Event().wait(0.01)
    assert held.result().json()["status"] == "queued"
    assert error_of(client.get(f"{JOBS}/{other}?wait=long"))[1]["field"] == "query.wait"


def test_a_cancel_answers_with_the_truth(stage, client, stranger):
    job_id = submit(client)["id"]
    assert stranger.post(f"{JOBS}/{job_id}/cancel").status_code == 404

    first, second = (client.post(f"{JOBS}/{job_id}/cancel") for _ in range(2))

    assert (first.status_code, first.json()["status"]) == (200, "cancelled")
    assert error_of(second)[0] == 409
    assert error_of(second)[1]["status"] == "cancelled"
    assert stage.job(job_id).status == "cancelled"


def test_a_webhook_says_what_became_of_the_job(tmp_path):
    from tests.live import KEY, up

    with up(tmp_path) as live, receiver() as hook:
        wish = {"endpoint": "pilotlight/echo", "input": {"text": "hi"}, "webhook": hook.url}
        job_id = live.ask("POST", JOBS, {**wish, "tags": [{"key": "a", "value": "b"}]}).json["id"]
        posted = hook.next()
        assert posted.json["type"] == "job.succeeded"
        assert posted.json["job"]["id"] == job_id
        assert posted.json["job"]["output"] == {"text": "hi"}
        assert posted.json["job"]["tags"] == [{"key": "a", "value": "b"}]
        assert KEY not in posted.body.decode()
        replayed = live.ask("POST", f"/api/webhooks/{job_id}/replay", b"")
        again = hook.next()
        assert (replayed.status, replayed.json) == (202, {"job_ids": [job_id]})
        assert again.body == posted.body
        assert again.headers["webhook-id"] == posted.headers["webhook-id"]
