"""Rows of the fault matrix that strike what is stored: full disks, and death while storing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time

import pytest

from tests.chaos.rows import Rows, alive, confine, let_go
from tests.chaos.storm import SHORT_TIMERS, WORKERS
from tests.live import Live, until

GUST = "chaos/gust"


@pytest.fixture
def live(tmp_path):
    running = Live(tmp_path / "data", settings={"WORKERS": WORKERS, **SHORT_TIMERS})
    running.start()
    yield running
    running.kill_everything()


@pytest.fixture
def rows(live):
    return Rows(live.data)


def row(number):
    return pytest.mark.parametrize("row", [pytest.param(number, id=f"row-{number}")])


@contextlib.contextmanager
def no_room(pid):
    confine(pid)
    try:
        yield
    finally:
        let_go(pid)


@row(9)
def test_a_replica_killed_while_it_stores_leaves_the_winners_files_alone(live, rows, row):
    with (live.data / "files" / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # nothing gets its name while this is held
        job_id = live.submit(GUST, {"text": "twice stored", "file_bytes": 5000})
        storing = "SELECT status = 'storing' FROM job WHERE id = ?"
        until(lambda: rows.one(storing, job_id), what="it to store")
        _, parent = rows.holder(job_id)
        os.kill(parent, signal.SIGKILL)
        until(lambda: not alive(parent), what="the parent to die")

    answer = live.finished(GUST, job_id)

    assert rows.outcomes(job_id) == ["T10", "T6"]
    url = answer.json["file"]["url"]
    assert live.ask("GET", url, key=None).body == (b"twice stored\n" * 385)[:5000]
    winner = rows.one("SELECT fence FROM job WHERE id = ?", job_id)
    assert f"results/{job_id}/{winner}/" in rows.one(
        "SELECT artifacts FROM job WHERE id = ?", job_id
    )


@row(41)
def test_a_model_that_finds_the_disk_full_is_tried_again_as_the_machines_fault(live, rows, row):
    job_id = live.submit(GUST, {"text": "no room", "file_bytes": 50, "disk_full": True})

    assert live.finished(GUST, job_id).json["text"] == "no room"
    assert rows.outcomes(job_id) == ["T7", "T6"]
    error = rows.one("SELECT error FROM attempt WHERE job_id = ? AND outcome = 'T7'", job_id)
    assert "replica_failure" in error
    assert "disk of the worker's machine is full" in error


@row(41)
def test_an_ingress_without_room_acknowledges_nothing_and_then_goes_on(live, rows, row):
    live.finished(GUST, live.submit(GUST, {"text": "before"}))
    with no_room(live.process.pid):
        refused = live.ask("POST", f"/queue/{GUST}", {"text": "not now"})
        assert refused.status == 503
        assert rows.one("SELECT count(*) FROM job") == 1

    later = live.submit(GUST, {"text": "after"})

    assert live.finished(GUST, later).json["text"] == "after"
    assert rows.one("PRAGMA integrity_check") == "ok"


@row(41)
def test_a_result_waits_for_room_and_is_not_made_again(live, rows, tmp_path, row):
    gate = tmp_path / "gate"
    job_id = live.submit(GUST, {"text": "kept in hand", "gate": str(gate)})
    _, parent = until(lambda: rows.holder(job_id), what="it to run")
    due = "SELECT due_at FROM job WHERE id = ?"
    with no_room(parent):
        gate.touch()
        until(lambda: rows.one(due, job_id) < time.time() + 2, what="a beat that does not come")
        assert rows.one("SELECT status FROM job WHERE id = ?", job_id) == "running"

    assert live.finished(GUST, job_id).json["text"] == "kept in hand"
    assert rows.outcomes(job_id) in (["T6"], ["T10", "T6"])  # in time, or its lease was over
