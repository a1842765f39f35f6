"""``/api/jobs``: submit, look, list, cancel, do again."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import replace

import pytest

from pilotlight.contracts import moves
from pilotlight.contracts.group import NO_WORKER
from pilotlight.contracts.job import JobError
from pilotlight.errors import Problem
from pilotlight.ports.fleet import ColdStart
from tests.dialects.stage import DEADLINE_S, Background
from tests.receiver import receiver

JOBS = "/api/jobs"
APP = "acme/app"


def submit(client, job_input=None, **more):
    wish = {"endpoint": APP, "input": job_input or {"prompt": "a cat"}, **more}
    reply = client.post(JOBS, json=wish)
    assert reply.status_code == 202, reply.text
    return reply.json()


def error_of(reply):
    return reply.status_code, reply.json()["error"]


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


def test_a_retry_is_a_new_job_with_everything_the_first_was_asked(stage, client, stranger, clock):
    first = submit(
        client,
        {"prompt": "a cat", "steps": 7},
        tags=[{"key": "a", "value": "b"}],
        priority="low",
        webhook="https://example.org/hook",
        start_timeout_s=120,
    )["id"]
    assert error_of(client.post(f"{JOBS}/{first}/retry"))[0] == 409
    stage.fail(first)
    clock.sleep(50)

    reply = client.post(f"{JOBS}/{first}/retry", headers={"idempotency-key": "again"})
    again, before = stage.job(reply.json()["id"]), stage.job(first)

    assert (reply.status_code, reply.json()["retry_of"], reply.json()["status"]) == (
        202, first, "queued",
    )  # fmt: skip
    assert again.id != first
    for name in ("caller", "endpoint", "worker", "origin", "input", "tags", "priority", "webhook"):
        assert getattr(again, name) == getattr(before, name), name
    assert (again.created_at, again.start_by) == (clock.now(), clock.now() + 120)
    assert (again.attempts, again.error, again.owner, again.ended_at) == (0, None, None, None)
    repeated = client.post(f"{JOBS}/{first}/retry", headers={"idempotency-key": "again"})
    assert repeated.json()["id"] == again.id
    submit(client, idempotency_key="other")
    clash = client.post(f"{JOBS}/{first}/retry", headers={"idempotency-key": "other"})
    assert error_of(clash)[1]["code"] == "idempotency_mismatch"
    assert stranger.post(f"{JOBS}/{first}/retry").status_code == 404


def test_a_retry_needs_the_files_that_the_first_one_had(stage, client, clock):
    pixels = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAD0lEQVR42mNgGAWjgHwAAAJAAAHgTR1EAAAAAElFTkSuQmCC"
    first = submit(client, {"prompt": "blob:not a file", "image_url": pixels})["id"]
    stage.fail(first)

    again = client.post(f"{JOBS}/{first}/retry")
    key = json.loads(stage.job(first).input)["image_url"].removeprefix("blob:")
    stage.services.blobs.delete(key)
    refused = client.post(f"{JOBS}/{first}/retry")

    assert again.status_code == 202
    assert (refused.status_code, "image_url" in refused.json()["error"]["message"]) == (409, True)


def test_what_stands_for_a_group_is_not_done_again_by_itself(stage, client):
    first = stage.job(submit(client)["id"])
    stage.services.store.create([replace(first, id="head", worker=NO_WORKER, group_id="head")])
    assert client.post(f"{JOBS}/head/cancel").status_code == 200

    status, error = error_of(client.post(f"{JOBS}/head/retry"))

    assert (status, error["code"]) == (409, "illegal_transition")
    assert "group" in error["message"]


def test_a_retry_in_a_routed_world_goes_to_the_same_worker_or_nowhere(stage, client):
    first = stage.job(submit(client)["id"])
    stage.services.store.create([replace(first, id="moved", worker="another")])
    client.post(f"{JOBS}/moved/cancel")

    status, error = error_of(client.post(f"{JOBS}/moved/retry"))

    assert status == 409
    assert "served by pictures now, and was by another" in error["message"]


def test_the_list_holds_ones_own_jobs_page_by_page(stage, client, stranger, clock):
    made = []
    for number in range(5):
        clock.sleep(1)
        made.append(submit(client, tags=[{"key": "n", "value": str(number % 2)}])["id"])
    submit(stranger)
    stage.succeed(made[0], {"text": "secret output"})
    stage.fail(made[1], message="why")

    def ids(**params):
        page = client.get(JOBS, params=params).json()
        return [job["id"] for job in page["jobs"]], page["next_cursor"]

    first, cursor = ids(limit=2)
    second, cursor = ids(limit=2, cursor=cursor)
    third, end = ids(limit=2, cursor=cursor)
    assert [*first, *second, *third] == made[::-1]
    assert end is None
    assert ids(status="succeeded,failed")[0] == made[1::-1]
    assert ids(status=["failed", "queued"])[0] == made[:0:-1]
    assert ids(tag="n=1")[0] == [made[3], made[1]]
    assert ids(endpoint="acme/other")[0] == []
    assert ids(worker="pictures", endpoint=APP)[0] == made[::-1]
    moment = client.get(f"{JOBS}/{made[3]}").json()["created_at"]
    assert ids(created_from=moment)[0] == made[:2:-1]
    assert ids(created_before=moment)[0] == made[2::-1]
    assert ids(created_before=stage.job(made[1]).created_at)[0] == made[:1]
    shown = client.get(JOBS).json()["jobs"]
    assert [job["error"] and job["error"]["message"] for job in shown] == [
        None, None, None, "why", None,
    ]  # fmt: skip
    assert "output" not in shown[-1]


def test_another_callers_cursor_leads_to_ones_own_jobs_only(client, stranger, clock):
    for _ in range(3):
        clock.sleep(1)
        submit(client)
    cursor = client.get(JOBS, params={"limit": 1}).json()["next_cursor"]

    assert stranger.get(JOBS, params={"cursor": cursor}).json()["jobs"] == []


HUGE = base64.urlsafe_b64encode(b"[1" + b"0" * 400 + b', "x"]').decode()
WRONG_QUERIES = (
    "status=done", "limit=0", "limit=1000", "limit=x", "cursor=x", "cursor=bnVsbA==",
    "cursor=WzEsMl0=", "created_from=yesterday", "created_before=1e400", "tag=x", "stat=queued",
    "created_from=nan", "cursor=ü", f"cursor={HUGE}",
)  # fmt: skip


def test_a_wrong_filter_is_refused_by_name(client):
    for query in WRONG_QUERIES:
        status, error = error_of(client.get(f"{JOBS}?{query}"))

        assert (status, error["field"]) == (422, "query." + query.partition("=")[0]), query


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
