"""``pilotlight tune`` and ``simulate --history`` over rows as local mode writes them."""

from __future__ import annotations

import json
import random

import pytest
from typer.testing import CliRunner

from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.cli import app
from pilotlight.contracts import moves

JOBS = 60


@pytest.fixture
def data(tmp_path, make_job):
    """Two days ago sixty jobs ran on one replica whose cold start took 45 s."""
    folder = tmp_path / "data"
    database = Database(folder / "jobs.db")
    store, rows, roster = SqliteStore(database), ReplicaRows(database), SqliteRoster(database)
    rng = random.Random(1)
    now = SystemClock().now() - 2 * 86400
    rows.add("r1", "echo", slots=1, now=now)
    roster.report("r1", "loading", now=now + 5)
    roster.report("r1", "ready", now=now + 45)
    for _ in range(JOBS):
        now += rng.expovariate(1 / 200)
        job = make_job(created_at=now, start_by=now + 3600, due_at=now + 15)
        store.create([job])
        held = store.move(job.id, moves.lease(owner="r1", now=now, lease_s=600, margin_s=10))
        now += 20
        store.move(job.id, moves.succeed(held, now=now, output="{}"))
    database.close()
    return folder


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_proposal_is_the_cheapest_that_keeps_the_promise(data):
    done = run("tune", "--p95", 46, "--data", data, "--json")

    told = json.loads(done.stdout)["echo"]
    assert (told["jobs"], told["cold_start_s"]) == (JOBS, 45)
    tried = told["counterfactuals"]
    keeping = {name: one["gpu_hours"] for name, one in tried.items() if one["wait_p95_s"] <= 46}
    assert told["proposal"] == min(keeping, key=keeping.get)


def test_it_prints_the_setting_to_make(data):
    done = run("tune", "--p95", 46, "--data", data)

    assert done.exit_code == 0, done.output
    assert 'PILOTLIGHT_SCALING__WORKERS=\'{"echo": {"policy"' in done.stdout


def test_days_before_those_asked_for_do_not_count(data):
    done = run("tune", "--p95", 46, "--days", 1, "--data", data)

    assert "nothing to tune" in done.stderr


def test_history_is_replayed_like_any_trace(data):
    done = run("simulate", "--history", "--policy", "keep-alive:60", "--data", data, "--json")

    figures = json.loads(done.stdout)["keep-alive:60"]
    assert figures["cold_starts"] > JOBS / 3
    assert figures["wait_p99_s"] == 60


def test_a_folder_on_which_nothing_ran_has_no_history(tmp_path):
    done = run("tune", "--p95", 46, "--data", tmp_path / "empty")

    assert done.exit_code == 2
    assert "nothing has run" in done.stderr
