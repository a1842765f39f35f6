"""The operator's commands on a data folder whose rows are in DynamoDB."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.live import ROOT, environment, until

ECHO = "pilotlight/echo"


@pytest.fixture
def run(live):
    """Standard output of a command about what runs there."""

    def command(*words):
        made = subprocess.run(  # noqa: PLW1510 - asserted below
            [sys.executable, "-m", "pilotlight.cli", *words, "--data", str(live.data)],
            cwd=ROOT,
            env=environment(PILOTLIGHT_WORKERS='["workers", "tests.probes"]'),
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert made.returncode == 0, made.stderr
        return made.stdout

    return command


def test_fleet_and_status_show_what_serves(live, run):
    job_id = live.submit(ECHO, {"text": "hi"})
    live.finished(ECHO, job_id)

    told = json.loads(run("fleet", "--why", "--json"))
    echo = next(one for one in told["replicas"] if one["worker"] == "echo" and one["ready_at"])
    assert echo["pid"]
    assert echo["ready_at"] >= echo["loading_at"] >= echo["asked_at"]
    assert told["why"]["echo"]
    assert "done" in run("status", job_id)


def test_a_key_that_is_made_while_it_runs_opens_it(live, run):
    key = run("keys", "create", "--caller", "alice").strip()
    assert live.ask("GET", "/queue/pilotlight/echo/requests/none/status", key=key).status == 404
    listed = json.loads(run("keys", "list", "--json"))
    (alice,) = [one for one in listed if one["caller"] == "alice"]
    run("keys", "revoke", alice["id"])


def test_a_webhook_is_seen_and_posted_again(live, run):
    nobody = "http://127.0.0.1:9/none"
    job_id = live.submit(ECHO, {"text": "hi"}, query=f"?fal_webhook={nobody}")
    live.finished(ECHO, job_id)

    def tried():
        rows = json.loads(run("webhooks", "list", "--json"))
        return [one for one in rows if job_id in one.values() and "1" in map(str, one.values())]

    until(tried, what="the first try")
    run("webhooks", "replay", job_id)


def test_a_checkup_counts_each_workers_pair_of_queues(live, run):
    found = {one["check"]: one for one in json.loads(run("doctor", "--json"))}
    assert found["aws answers"]["state"] == "ok"
    assert found["queues echo"]["state"] == "ok"
    assert "no dead letter" in found["queues echo"]["said"]
