from __future__ import annotations

import signal

import pytest

from pilotlight.adapters.local.clock import ManualClock
from pilotlight.adapters.local.database import Database
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
