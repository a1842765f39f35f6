"""``queue.fal.run``: how a request ends, in status and result, and the files it leaves."""

from __future__ import annotations

import pytest

from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import Problem
from tests.dialects.stage import Background, events, status, submit


def test_a_finished_request_is_completed_and_its_output_is_verbatim(stage, client, clock):
    said = submit(client)
    stage.start(said["request_id"])
    clock.sleep(2.5)
    stage.succeed(said["request_id"], {"text": "żółć", "n": [1, 2]})
    finished = status(client, said)

    assert finished.status_code == 200
    assert finished.json()["status"] == "COMPLETED"
    assert finished.json()["metrics"] == {"inference_time": 2.5}
    assert "error" not in finished.json()
    for url in (said["response_url"], said["response_url"] + "/response"):
        result = client.get(url)
        assert result.status_code == 200
        assert result.json() == {"text": "żółć", "n": [1, 2]}
        assert result.headers["content-type"] == "application/json"
        assert result.headers["x-fal-request-id"] == said["request_id"]


def test_a_result_before_its_time_is_a_400(client):
    reply = client.get(submit(client)["response_url"])

    assert reply.status_code == 400
    assert reply.json()["detail"] == "Request is still in progress"


def test_a_failed_model_is_completed_and_the_result_has_its_own_status_and_body(stage, client):
    said = submit(client)
    problem = Problem(
        ("body", "prompt"), "the prompt is not allowed", "content_policy_violation", {"at": 3}, "x"
    )
    stage.fail(said["request_id"], "invalid_input", "not allowed", 422, problem)
    finished, result = status(client, said).json(), client.get(said["response_url"])

    assert finished["status"] == "COMPLETED"
    assert finished["error"] == "not allowed"
    assert finished["error_type"] == "content_policy_violation"
    assert result.status_code == 422
    assert result.json()["detail"] == [
        {
            "loc": ["body", "prompt"],
            "msg": "the prompt is not allowed",
            "type": "content_policy_violation",
            "url": "https://docs.fal.ai/errors/#content_policy_violation",
            "ctx": {"at": 3},
            "input": "x",
        }
    ]
    assert result.headers["x-fal-error-type"] == "content_policy_violation"


@pytest.mark.parametrize(
    ("code", "status_code", "error_type"),
    [
        ("worker_error", 500, "runner_server_error"),
        ("out_of_memory", 500, "runner_server_error"),
        ("run_timeout", 504, "request_timeout"),
        ("replica_failure", 503, "runner_connection_error"),
        ("lease_lost_too_often", 503, "runner_disconnected"),
        ("weights_missing", 503, "runner_scheduling_failure"),
        ("some_new_code", 500, "some_new_code"),
    ],
)
def test_other_failures_are_flat_and_typed(stage, client, code, status_code, error_type):
    said = submit(client)
    stage.fail(said["request_id"], code, "it broke")
    result = client.get(said["response_url"])

    assert result.status_code == status_code
    assert result.json() == {"detail": "it broke", "error_type": error_type, "message": "it broke"}
    assert result.headers["x-fal-error-type"] == error_type
    assert status(client, said).json()["error_type"] == error_type


def test_a_request_that_nobody_started_in_time_is_a_504_that_no_client_repeats(
    stage, client, clock
):
    said = submit(client, headers={"X-Fal-Request-Timeout": "5.0"})
    job = stage.job(said["request_id"])
    assert job.start_by == job.created_at + 5
    clock.sleep(5)
    stage.move(said["request_id"], moves.expire(job, now=clock.now()))
    result = client.get(said["response_url"])

    assert result.status_code == 504
    assert result.headers["x-fal-request-timeout-type"] == "user"
    assert result.json()["error_type"] == "startup_timeout"
    assert status(client, said).json()["status"] == "COMPLETED"


def test_a_cancelled_request_is_completed_and_its_result_says_who_cancelled(stage, client):
    said = submit(client)
    reply = client.put(said["cancel_url"])
    assert reply.status_code == 202
    assert reply.json()["status"] == "CANCELLATION_REQUESTED"

    assert stage.job(said["request_id"]).status is JobStatus.CANCELLED
    assert status(client, said).json()["error_type"] == "client_cancelled"
    assert client.get(said["response_url"]).status_code == 499


def test_a_cancel_that_comes_too_late_is_a_400(stage, client):
    said = submit(client)
    stage.succeed(said["request_id"], {"text": "done"})
    for _ in range(2):
        reply = client.put(said["cancel_url"])
        assert reply.status_code == 400
        assert reply.json()["status"] == "ALREADY_COMPLETED"

    assert client.get(said["response_url"]).json() == {"text": "done"}


def test_output_files_are_urls_that_need_no_key_and_end_when_the_caller_wished(
    stage, client, clock
):
    lifecycle = '{"expiration_duration_seconds": 60}'
    said = submit(client, headers={"x-fal-object-lifecycle-preference": lifecycle})
    rid = said["request_id"]
    stage.succeed(
        rid, {"images": [{"url": "artifact:0", "width": 8}]}, [stage.artifact(rid, b"pixels")]
    )
    url = client.get(said["response_url"]).json()["images"][0]["url"]
    with stage.client(None) as anybody:
        reply = anybody.get(url)
        assert (reply.status_code, reply.content) == (200, b"pixels")
        assert reply.headers["content-type"] == "image/png"
        clock.sleep(61)
        assert anybody.get(url).status_code == 404


def test_sync_mode_brings_files_inline(stage, client):
    said = submit(client, body={"prompt": "a cat", "sync_mode": True})
    rid = said["request_id"]
    stage.succeed(rid, {"images": [{"url": "artifact:0"}]}, [stage.artifact(rid, b"pixels")])

    assert client.get(said["response_url"]).json() == {
        "images": [{"url": "data:image/png;base64,cGl4ZWxz"}]
    }


def test_two_clients_that_wait_for_one_request_both_get_it(stage, client):
    said = submit(client)

    def follow():
        with stage.client() as other:
            return list(events(other.get(said["status_url"] + "/stream")))

    followers = [Background(follow) for _ in range(2)]
    stage.succeed(said["request_id"], {"text": "done"})

    assert {follower.result()[-1]["status"] for follower in followers} == {"COMPLETED"}
