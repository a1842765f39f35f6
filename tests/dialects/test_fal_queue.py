"""``queue.fal.run``, on the wire: what the clients' parsers insist on, and what they must not see."""

from __future__ import annotations

import json

import pytest

from handlers.app import create_app
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobError, JobStatus
from pilotlight.errors import Problem
from tests.dialects.stage import Background, Stage, events, served, services_in, submit

RID = "0198c0de-0000-7000-8000-000000000000"


def status(client, said, **params):
    return client.get(said["status_url"], params=params)


def test_a_submit_answers_with_everything_the_python_client_reads(stage, client):
    reply = client.post("/queue/acme/app", json={"prompt": "a cat"})
    said = reply.json()

    assert reply.status_code == 200
    assert {"request_id", "response_url", "status_url", "cancel_url", "queue_position"} <= set(said)
    assert reply.headers["x-fal-request-id"] == said["request_id"]
    base = f"{stage.url}/queue/acme/app/requests/{said['request_id']}"
    assert said["response_url"] == base
    assert said["status_url"] == base + "/status"
    assert said["cancel_url"] == base + "/cancel"


def test_no_url_of_ours_has_a_query_for_the_python_client_to_drop(client):
    said = submit(client)

    assert not any("?" in said[name] for name in said if name.endswith("_url"))


@pytest.mark.parametrize(
    ("path", "app"),
    [
        ("acme/app/sub", "acme/app"),
        ("workflows/acme/flow", "workflows/acme/flow"),
    ],
)
def test_a_request_is_found_below_its_app_without_the_sub_path(stage, client, path, app):
    said = submit(client, path)

    assert said["status_url"] == f"{stage.url}/queue/{app}/requests/{said['request_id']}/status"
    assert status(client, said).json()["status"] == "IN_QUEUE"


def test_a_deeper_path_is_never_served_by_the_endpoint_above_it(stage, client):
    deep = submit(client, "acme/app/sub")
    reply = client.post("/queue/acme/app/other", json={"prompt": "x"})

    assert stage.job(deep["request_id"]).endpoint == "acme/app/sub"
    assert reply.status_code == 404
    assert "acme/app/other" in reply.json()["detail"]


def test_a_waiting_request_has_a_place_logs_and_the_cold_start_it_waits_for(client):
    first, second = submit(client), submit(client)
    reply = status(client, second)
    said = reply.json()

    assert reply.status_code == 202
    assert said["status"] == "IN_QUEUE"
    assert status(client, first).json()["queue_position"] == 0
    assert said["queue_position"] == 1
    assert said["logs"] == []
    assert said["cold_start"] == {"stage": "starting", "eta_s": None}
    assert said["response_url"] == second["response_url"]


def test_a_running_request_is_in_progress_and_has_logs_even_when_none_were_asked_for(stage, client):
    said = submit(client)
    stage.start(said["request_id"])
    stage.tell(said["request_id"], "log", message="step 1", level="stdout")
    reply = status(client, said, logs="false")

    assert reply.status_code == 202
    assert reply.json()["status"] == "IN_PROGRESS"
    assert reply.json()["logs"] == []


@pytest.mark.parametrize("flag", ["1", "true", "True"])
def test_logs_are_whole_lines_with_a_time_a_level_and_a_source(stage, client, clock, flag):
    said = submit(client)
    stage.start(said["request_id"])
    for level in ("stdout", "stderr", "log", "strange"):
        stage.tell(said["request_id"], "log", message=f"by {level}", level=level)
    stage.tell(said["request_id"], "progress", fraction=0.5, note="")
    logs = status(client, said, logs=flag).json()["logs"]

    assert [line["message"] for line in logs] == [
        "by stdout",
        "by stderr",
        "by log",
        "by strange",
    ]
    assert [line["level"] for line in logs] == ["STDOUT", "STDERR", "INFO", "INFO"]
    assert {line["source"] for line in logs} == {"USER"}
    assert logs[0]["timestamp"].startswith("2030-01-01T00:00:00")
    assert logs[0]["timestamp"].endswith("+00:00")


def test_more_log_lines_than_one_page_are_all_there(stage, client):
    said = submit(client)
    stage.services.feed.append(
        [(said["request_id"], "log", '{"message":"x","level":"log"}', 0.0)] * 2500
    )

    assert len(status(client, said, logs=1).json()["logs"]) == 2500


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


@pytest.mark.parametrize("verb", ["", "/response", "/status", "/status/stream"])
def test_an_unknown_request_is_a_404_that_says_so(client, verb):
    reply = client.get(f"/queue/acme/app/requests/{RID}{verb}")

    assert reply.status_code == 404
    assert reply.json()["status"] == "NOT_FOUND"
    assert reply.headers["x-fal-request-id"]


def test_cancelling_an_unknown_request_is_a_404(client):
    reply = client.put(f"/queue/acme/app/requests/{RID}/cancel")

    assert (reply.status_code, reply.json()["status"]) == (404, "NOT_FOUND")


def test_somebody_elses_request_looks_like_one_that_never_was(client, stranger):
    said = submit(client)
    path = f"/queue/acme/app/requests/{said['request_id']}"
    known, unknown = stranger.get(path), stranger.get(f"/queue/acme/app/requests/{RID}")

    assert known.status_code == unknown.status_code == 404
    assert known.json() == unknown.json()
    assert stranger.get(path + "/status").status_code == 404
    assert stranger.put(path + "/cancel").status_code == 404
    assert status(client, said).json()["status"] == "IN_QUEUE"


@pytest.mark.parametrize("key", [None, "a wrong key", "pl_live_abcdefgh_short"])
def test_without_a_good_key_nothing_is_accepted(stage, key):
    with stage.client(key) as client:
        reply = client.post("/queue/acme/app", json={"prompt": "a cat"})

    assert reply.status_code == 401
    assert isinstance(reply.json()["detail"], str)
    assert stage.services.store.list_jobs() == []


def test_a_queue_that_is_too_long_for_this_caller_is_a_429(stage, client):
    for _ in range(3):
        submit(client)
    reply = client.post("/queue/acme/app?fal_max_queue_length=2", json={"prompt": "a cat"})
    ok = client.post("/queue/acme/app?fal_max_queue_length=3", json={"prompt": "a cat"})

    assert reply.status_code == 429
    assert reply.headers["retry-after"]
    assert ok.status_code == 200


def test_priority_retries_storage_and_lifetime_are_wishes_that_reach_the_job(stage, client):
    lifecycle = json.dumps({"expiration_duration_seconds": 60, "initial_acl": {"default": "hide"}})
    said = submit(
        client,
        headers={
            "X-Fal-Queue-Priority": "low",
            "X-Fal-No-Retry": "true",
            "X-Fal-Store-IO": "0",
            "X-Fal-Object-Lifecycle-Preference": lifecycle,
            "X-Fal-Runner-Hint": "abc",
        },
    )
    low, usual = stage.job(said["request_id"]), stage.job(submit(client)["request_id"])

    assert (low.priority, usual.priority) == (1, 0)
    assert (low.max_attempts, low.max_losses) == (1, 1)
    assert usual.max_attempts > 1
    assert low.keep_s == 3600 < usual.keep_s
    assert (low.artifact_ttl_s, usual.artifact_ttl_s) == (60, None)


def test_a_request_with_low_priority_waits_behind_all_others(client):
    low = submit(client, headers={"x-fal-queue-priority": "low"})
    submit(client)

    assert status(client, low).json()["queue_position"] == 1


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"X-Fal-Request-Timeout": "soon"}, "x-fal-request-timeout"),
        ({"X-Fal-Request-Timeout": "0.1"}, "x-fal-request-timeout"),
        ({"X-Fal-Request-Timeout": "nan"}, "x-fal-request-timeout"),
        ({"X-Fal-Request-Timeout": "inf"}, "x-fal-request-timeout"),
        ({"X-Fal-Queue-Priority": "highest"}, "x-fal-queue-priority"),
        ({"X-Fal-Object-Lifecycle": "{"}, "x-fal-object-lifecycle"),
        ({"X-Fal-Object-Lifecycle": "[]"}, "x-fal-object-lifecycle"),
        (
            {"X-Fal-Object-Lifecycle": '{"expiration_duration_seconds": -1}'},
            "x-fal-object-lifecycle",
        ),
        (
            {"X-Fal-Object-Lifecycle": '{"expiration_duration_seconds": "1h"}'},
            "x-fal-object-lifecycle",
        ),
        ({"Idempotency-Key": "x" * 256}, "idempotency-key"),
    ],
)
def test_a_header_that_makes_no_sense_is_named(stage, client, headers, name):
    reply = client.post("/queue/acme/app", json={"prompt": "a cat"}, headers=headers)

    assert reply.status_code == 422
    assert reply.json()["detail"][0]["loc"] == ["header", name]
    assert stage.services.store.list_jobs() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fal_webhook", "ftp://example.com/"),
        ("fal_webhook", "not a url"),
        ("fal_webhook", "http://"),
        ("fal_webhook", "http://[::1"),
        ("fal_webhook", "https://example.com/" + "x" * 3000),
        ("fal_max_queue_length", "-1"),
        ("fal_max_queue_length", "many"),
        ("fal_max_queue_length", "9" * 5000),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(client, name, value):
    reply = client.post("/queue/acme/app", params={name: value}, json={"prompt": "a cat"})

    assert reply.status_code == 422
    assert reply.json()["detail"][0]["loc"] == ["query", name]


def test_a_webhook_is_kept_with_the_job(stage, client):
    url = "https://example.com/hook?a=1&b=2"
    reply = client.post("/queue/acme/app", params={"fal_webhook": url}, json={"prompt": "a cat"})

    assert stage.job(reply.json()["request_id"]).webhook == url


def test_the_same_idempotency_key_gives_the_same_request_and_never_a_409(stage, client):
    headers = {"Idempotency-Key": "once"}
    first, again = submit(client, headers=headers), submit(client, headers=headers)
    other = client.post("/queue/acme/app", json={"prompt": "a dog"}, headers=headers)

    assert first["request_id"] == again["request_id"]
    assert other.status_code == 422
    assert other.json()["detail"][0]["type"] == "idempotency_mismatch"


def test_an_unknown_endpoint_is_a_404_with_a_hint(client):
    reply = client.post("/queue/acme/ap", json={"prompt": "a cat"})

    assert reply.status_code == 404
    assert "did you mean acme/app" in reply.json()["detail"]
    assert reply.json()["message"] == reply.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/status"),
        ("PUT", "/status"),
        ("DELETE", ""),
        ("POST", ""),
        ("GET", "/cancel"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(client, method, path):
    said = submit(client)
    reply = client.request(method, said["response_url"] + path)

    assert reply.status_code == 405
    assert reply.headers["allow"]
    assert reply.json()["detail"]


@pytest.mark.parametrize("verb", ["status", "cancel", ""])
def test_a_url_that_somebody_wrote_by_hand_may_keep_the_sub_path(client, verb):
    said = submit(client, "acme/app/sub")
    method = "PUT" if verb == "cancel" else "GET"
    reply = client.request(method, f"/queue/acme/app/sub/requests/{said['request_id']}/{verb}")

    assert reply.status_code == {"status": 202, "cancel": 202, "": 400}[verb]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_what_a_request_does_not_have_is_a_404_and_never_a_new_job(stage, client, method):
    said = submit(client)
    reply = client.request(method, said["response_url"] + "/retry", json={"prompt": "x"})

    assert reply.status_code == 404
    assert len(stage.services.store.list_jobs()) == 1


def test_a_status_stream_says_every_change_and_each_line_once_then_ends(stage, client):
    said = submit(client)
    rid = said["request_id"]
    with client.stream("GET", said["status_url"] + "/stream", params={"logs": 1}) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        stream = events(reply)
        heard = [next(stream)]
        stage.start(rid)
        heard.append(next(stream))
        stage.tell(rid, "log", message="one", level="stdout")
        heard.append(next(stream))
        stage.tell(rid, "log", message="two", level="stdout")
        heard.append(next(stream))
        stage.succeed(rid, {"text": "done"})
        heard += list(stream)

    assert [one["status"] for one in heard] == [
        "IN_QUEUE",
        "IN_PROGRESS",
        "IN_PROGRESS",
        "IN_PROGRESS",
        "COMPLETED",
    ]
    lines = [line["message"] for one in heard for line in one["logs"]]
    assert lines == ["one", "two"]
    assert all(one["response_url"] == said["response_url"] for one in heard)


def test_a_status_stream_of_finished_work_is_one_event_with_all_its_lines(stage, client):
    said = submit(client)
    stage.tell(said["request_id"], "log", message="one", level="stdout")
    stage.tell(said["request_id"], "log", message="two", level="stdout")
    stage.fail(said["request_id"])
    reply = client.get(said["status_url"] + "/stream?logs=true")
    (only,) = events(reply)

    assert only["status"] == "COMPLETED"
    assert only["error_type"] == "runner_server_error"
    assert [line["message"] for line in only["logs"]] == ["one", "two"]


def test_a_listener_who_leaves_a_status_stream_does_not_cancel_the_work(stage, client):
    said = submit(client)
    with client.stream("GET", said["status_url"] + "/stream") as reply:
        next(events(reply))
    stage.succeed(said["request_id"], {"text": "done"})

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


def test_a_retry_config_reaches_the_job_and_one_that_is_wrong_harms_nothing(stage, client):
    header = json.dumps({"timeout": {"retries": 1}, "weather": 3})
    asked = submit(client, headers={"X-Fal-Retry-Config": header})
    wrong = submit(client, headers={"X-Fal-Retry-Config": "{"})

    assert json.loads(stage.job(asked["request_id"]).retries) == {"otherwise": 3, "timeout": 1}
    assert stage.job(wrong["request_id"]).retries is None


def test_a_status_tells_every_attempt_to_those_who_ask(stage, client):
    said = submit(client)
    job, now = stage.start(said["request_id"]), stage.services.clock.now()
    again = JobError("upstream_busy", "come back later", 503)
    stage.move(job.id, moves.retry(job, not_before=now, error=again))
    stage.succeed(job.id, {"images": []})

    status = client.get(said["status_url"] + "?attempts=1").json()
    first, second = status["attempts"]

    assert (first["outcome"], second["outcome"]) == ("failed, tried again", "succeeded")
    assert (first["error_code"], first["error"]) == ("upstream_busy", "come back later")
    assert first["replica"] == "replica-1"
    assert first["seconds"] == 0
    assert "error" not in second
    assert "attempts" not in client.get(said["status_url"]).json()


def test_a_caller_over_its_rate_gets_429_and_when_to_come_back(tmp_path, clock):
    settings = {"quota": {"requests_per_s": 0.5, "burst": 2}}
    with services_in(tmp_path, clock, **settings) as services, served(create_app(services)) as url:
        stage = Stage(services, url)
        with stage.client() as client, stage.client("somebody else's key") as stranger:
            said = submit(client)
            client.get(said["status_url"])
            refused = client.get(said["status_url"])
            other = stranger.get(said["status_url"])
            clock.sleep(2)
            again = client.get(said["status_url"])

    assert (refused.status_code, other.status_code, again.status_code) == (429, 404, 202)
    assert refused.json()["error_type"] == "concurrent_requests_limit"
    assert refused.headers["retry-after"] == "2"
    assert refused.headers["ratelimit-limit"] == "2"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert refused.headers["ratelimit-reset"] == "4"
