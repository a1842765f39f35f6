"""``queue.fal.run``: what headers and parameters wish for, and what is refused of it."""

from __future__ import annotations

import json

import pytest

from handlers.app import create_app
from tests.dialects.stage import Stage, served, services_in, status, submit


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
    assert reply.json()["gateway_request_id"] == reply.json()["request_id"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("team=design,env=prod", [["team", "design"], ["env", "prod"]]),
        ("Team = a b =c , env=", [["team", "a b =c"], ["env", ""]]),
        ("a=1,a=2", [["a", "2"]]),
        ("fal.own=x,=y,nothing,bad key=z,ok=1", [["ok", "1"]]),
        (",".join(f"k{number}=v" for number in range(12)), [[f"k{n}", "v"] for n in range(10)]),
        ("a=" + "x" * 257, None),
        ("", None),
    ],
)
def test_tags_are_kept_and_those_that_cannot_be_harm_nothing(stage, client, text, expected):
    said = submit(client, headers={"x-fal-tags": text})

    kept = stage.job(said["request_id"]).tags
    assert (None if kept is None else json.loads(kept)) == expected


def test_the_same_idempotency_key_gives_the_same_request_and_never_a_409(stage, client):
    headers = {"Idempotency-Key": "once"}
    first, again = submit(client, headers=headers), submit(client, headers=headers)
    other = client.post("/queue/acme/app", json={"prompt": "a dog"}, headers=headers)

    assert first["request_id"] == again["request_id"]
    assert other.status_code == 422
    assert other.json()["detail"][0]["type"] == "idempotency_mismatch"


def test_a_retry_config_reaches_the_job_and_one_that_is_wrong_harms_nothing(stage, client):
    header = json.dumps({"timeout": {"retries": 1}, "weather": 3})
    asked = submit(client, headers={"X-Fal-Retry-Config": header})
    wrong = submit(client, headers={"X-Fal-Retry-Config": "{"})

    assert json.loads(stage.job(asked["request_id"]).retries) == {"otherwise": 3, "timeout": 1}
    assert stage.job(wrong["request_id"]).retries is None


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
    assert refused.headers["x-fal-needs-retry"] == "1"
    assert refused.headers["ratelimit-limit"] == "2"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert refused.headers["ratelimit-reset"] == "4"
