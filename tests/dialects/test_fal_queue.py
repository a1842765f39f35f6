"""``queue.fal.run``, on the wire: what the clients' parsers insist on, and what they must not see."""

from __future__ import annotations

import pytest

from pilotlight.contracts import moves
from pilotlight.contracts.job import JobError
from tests.dialects.stage import events, status, submit, token_for

RID = "0198c0de-0000-7000-8000-000000000000"


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


def test_a_page_may_follow_with_a_token_for_the_app_and_nothing_else(stage, client, anybody):
    said = submit(client)
    stage.succeed(said["request_id"], {"text": "ok"})
    token = token_for(client, "app")
    path = f"/queue/acme/app/requests/{said['request_id']}"

    def asked(path, token=token, **more):
        return anybody.get(path, params={"fal_jwt_token": token}, **more)

    (event,) = events(asked(path + "/status/stream"))
    assert event["status"] == "COMPLETED"
    for other in (path, path + "/status"):
        assert asked(other).status_code == 401
    assert asked(path + "/status/stream", token_for(client, "other")).status_code == 401
    assert asked(path + "/status/stream", "junk").status_code == 401


def test_a_token_for_one_app_follows_no_request_of_another(client, anybody):
    said = submit(client, "workflows/acme/flow")
    params = {"fal_jwt_token": token_for(client, "app")}
    for app in ("acme/app", "workflows/acme/flow"):
        path = f"/queue/{app}/requests/{said['request_id']}/status/stream"
        assert anybody.get(path, params=params).status_code == 401


def test_a_head_of_a_status_stream_waits_for_nothing(client):
    reply = client.head(submit(client)["status_url"] + "/stream")

    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["content-type"].startswith("text/event-stream")


def test_a_listener_who_leaves_a_status_stream_does_not_cancel_the_work(stage, client):
    said = submit(client)
    with client.stream("GET", said["status_url"] + "/stream") as reply:
        next(events(reply))
    stage.succeed(said["request_id"], {"text": "done"})

    assert client.get(said["response_url"]).json() == {"text": "done"}


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
