"""A secret in every field that a caller can fill: nobody else reads it, and no log holds it."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import pytest
from websockets.sync.client import connect

from tests.live import ROOT, environment, until, up
from tests.receiver import receiver

WORKERS = '["workers", "tests.probes"]'
SECRET = f"SECRET-{uuid.uuid4()}"
INDISCREET = "tests/indiscreet"


def made_key(live, caller):
    done = subprocess.run(
        [sys.executable, "-m", "pilotlight.cli", "keys", "create", "--caller", caller],
        cwd=ROOT, env=environment(PILOTLIGHT_DATA=str(live.data)), check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def logs_of(live):
    """Everything that ``up`` and its replicas wrote for the operator, by file."""
    return {path.name: path.read_text(errors="replace") for path in live.data.rglob("*.log")}


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    settings = {"WORKERS": WORKERS, "LOG_LEVEL": "debug"}
    with up(tmp_path_factory.mktemp("canary"), settings=settings) as started:
        yield started


def refused(live, key):
    """Requests that end in an error, with the secret in every place they have."""
    ask = live.ask
    yield ask("POST", f"/queue/{INDISCREET}", {"prompt": [SECRET], SECRET: SECRET}, key=key)
    yield ask("POST", f"/queue/{INDISCREET}", b'{"prompt": "%s' % SECRET.encode(), key=key)
    yield ask("POST", f"/queue/{INDISCREET}", {"prompt": SECRET}, key=SECRET)
    yield ask("POST", f"/queue/{INDISCREET}", {"prompt": SECRET}, key=f"pl_live_{SECRET}")
    yield ask("POST", f"/queue/{SECRET}/app", {"prompt": SECRET}, key=key)
    yield ask("GET", f"/queue/{INDISCREET}/requests/{SECRET}/status?{SECRET}={SECRET}", key=key)
    yield ask("GET", f"/run/{SECRET}/app?prompt={SECRET}", key=key)
    yield ask("GET", f"/files/{SECRET}/{SECRET}", key=key)
    yield ask("PUT", f"/files/{SECRET}/{SECRET}", SECRET.encode(), key=key)
    yield ask("POST", f"/{SECRET}", SECRET.encode(), key=key)
    yield ask("POST", "/rest/tokens/", {"allowed_apps": SECRET}, key=key)
    yield ask("POST", "/rest/storage/upload/initiate", {"file_name": [SECRET]}, key=key)
    yield ask("POST", "/events", {SECRET: SECRET}, key=key)
    yield ask("GET", "/api/fal/proxy", key=key, x_fal_target_url=f"https://{SECRET}.example.org/")
    webhook = f"?fal_webhook=gopher://{SECRET}/"
    yield ask("POST", f"/queue/{INDISCREET}{webhook}", {"prompt": SECRET}, key=key)
    picture = {"prompt": SECRET, "image_url": f"http://127.0.0.1:1/{SECRET}.png?token={SECRET}"}
    yield ask("POST", "/queue/tests/measure-picture", picture, key=key)
    wish = {"endpoint": INDISCREET, "input": {"prompt": [SECRET]}, "webhook": f"gopher://{SECRET}"}
    yield ask("POST", "/api/jobs", wish, key=key)
    yield ask("POST", "/api/jobs", {SECRET: SECRET}, key=key, idempotency_key=SECRET)
    yield ask("GET", f"/api/jobs/{SECRET}/events?after={SECRET}", key=key, last_event_id=SECRET)
    yield ask("GET", f"/api/jobs?cursor={SECRET}&tag={SECRET}&worker={SECRET}", key=key)
    yield ask("GET", f"/api/endpoints/{SECRET}", key=key)
    yield ask("GET", f"/api/files/{SECRET}?expires_in_s={SECRET}", key=key)
    yield ask("POST", "/api/webhooks/replay", {"job_ids": [SECRET]}, key=key)
    yield ask("POST", "/api/keys", {"name": SECRET, "scopes": [SECRET]}, key=key)
    for header in ("x_fal_request_timeout", "x_fal_queue_priority"):
        yield ask("POST", f"/queue/{INDISCREET}", {"prompt": "x"}, key=key, **{header: SECRET})


def spoken(live, key):
    """A socket that is told the secret, first in words it cannot read, then to a failing model."""
    url = f"{live.url.replace('http', 'ws', 1)}/run/{INDISCREET}/realtime?x={SECRET}"
    with connect(url, additional_headers={"Authorization": f"Key {key}"}, proxy=None) as socket:
        for said in (SECRET, json.dumps({"prompt": SECRET, "fail": True})):
            socket.send(said)
            socket.recv(timeout=60)


def test_a_secret_in_any_field_reaches_no_log_and_no_other_caller(live):
    key, other = made_key(live, "alice"), made_key(live, "mallory")
    with receiver() as hook:
        query = f"?fal_webhook={hook.url}?token={SECRET}"
        jobs = [
            live.submit(
                INDISCREET, {"prompt": SECRET, "fail": fail}, query=query, key=key,
                idempotency_key=f"{SECRET}-{fail}", x_fal_runner_hint=SECRET, user_agent=SECRET,
                x_fal_tags=SECRET, x_fal_retry_config=SECRET,
            )
            for fail in (False, True)
        ]  # fmt: skip
        for _ in jobs:
            assert SECRET.encode() in hook.next().body
    unreachable = f"?fal_webhook=http://127.0.0.1:1/{SECRET}?token={SECRET}"
    jobs.append(live.submit(INDISCREET, {"prompt": SECRET}, query=unreachable, key=key))
    upload = live.ask(
        "POST", "/cdn/files/upload", SECRET.encode(), key=key, x_fal_file_name=f"{SECRET}.txt",
        content_type=f"text/{SECRET}",
    )  # fmt: skip
    assert live.ask("GET", upload.json["access_url"], key=None).body == SECRET.encode()
    assert all(answer.status >= 400 for answer in refused(live, key))
    spoken(live, key)
    until(lambda: "webhook.failed" in str(logs_of(live)), what="a failed webhook in the log")
    until(lambda: "characters" in str(logs_of(live)), what="what was printed too late")

    for job_id in jobs:
        for path in ("", "/status?logs=1&attempts=1", "/response", "/cancel"):
            method = "PUT" if path == "/cancel" else "GET"
            seen = live.ask(method, f"/queue/{INDISCREET}/requests/{job_id}{path}", key=other)
            assert seen.status == 404
            assert SECRET not in str(seen)
        for method, path in (
            ("GET", ""),
            ("GET", "/events"),
            ("POST", "/cancel"),
            ("POST", "/retry"),
        ):
            seen = live.ask(method, f"/api/jobs/{job_id}{path}", key=other)
            assert seen.status == 404
            assert SECRET not in str(seen)
    for path in ("jobs", "files", "webhooks", "endpoints"):
        seen = live.ask("GET", f"/api/{path}", key=other)
        assert (seen.status, SECRET in str(seen)) == (200, False)
    for path in ("/", "/healthz", "/readyz", "/metrics"):
        assert SECRET not in str(live.ask("GET", path, key=None))
    assert live.stop() == 0
    for name, text in logs_of(live).items():
        assert SECRET not in text, (
            f"{name}: {[line for line in text.splitlines() if SECRET in line]}"
        )
        assert key not in text
    log = str(logs_of(live))
    assert "the weights are there" in log, "what a model says while it loads is told"
    assert "attempt.failed" in log
    assert "webhook.delivered" in log
