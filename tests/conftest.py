from __future__ import annotations

import signal

import pytest

from pilotlight.adapters.local.clock import ManualClock
from pilotlight.adapters.local.database import Database
from pilotlight.contracts import moves
from pilotlight.contracts.job import Job

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs tests in the background has them ignore Ctrl-C, and the programs under
    # test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "jobs.db")
    yield opened
    opened.close()


@pytest.fixture
def make_job(clock):
    """A fresh accepted job; every field can be given."""
    made = 0

    def make(**changes):
        nonlocal made
        made += 1
        now = clock.now()
        base = {
            "id": f"job-{made}",
            "caller": "alice",
            "endpoint": "pilotlight/echo",
            "worker": "echo",
            "origin": "fal",
            "input": '{"text":"hi"}',
            "created_at": now,
            "start_by": now + 3600,
            "run_timeout_s": 60.0,
            "due_at": now + 15,
        }
        return Job(**(base | changes))

    return make


@pytest.fixture
def add(store, make_job):
    """Creates a job in the ``store`` of the test's folder; the row."""

    def add(**changes):
        (created,) = store.create([make_job(**changes)])
        return created.job

    return add


@pytest.fixture
def lease(store, clock):
    """Leases a job; the row, or None when it was refused."""

    def lease(job, owner="r1"):
        return store.move(
            job.id, moves.lease(owner=owner, now=clock.now(), lease_s=60, margin_s=10)
        )

    return lease
