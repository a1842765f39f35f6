"""Supervisors that stop, die and come back; what they keep, and what they forget."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from pilotlight.adapters.local import processes
from pilotlight.adapters.local.fleet import MAX_LOGS
from pilotlight.adapters.local.roster import SqliteRoster
from tests import live
from tests.contract.local_fleet.stand_ins import is_gone, only, ready, start, until


def test_stopping_all_leaves_nobody(fleet):
    ids = {ready(fleet, "serves"), start(fleet, "quiet"), ready(fleet, "stubborn")}
    pids = [replica.pid for replica in fleet.replicas()]

    exits = fleet.stop_all(grace_s=0.5)

    assert {ended.replica_id for ended in exits} == ids
    assert {ended.stage for ended in exits} == {"gone"}
    assert all(is_gone(pid) for pid in pids)


def test_hurry_ends_the_grace(fleet):
    ready(fleet, "stubborn")
    threading.Timer(0.1, fleet.hurry.set).start()

    assert len(fleet.stop_all(grace_s=3600)) == 1


def test_after_the_stop_nothing_starts(fleet):
    fleet.stop_all(grace_s=1)

    fleet.start("quiet", 1)

    assert fleet.replicas() == []


SUPERVISOR = """
import signal, sys
from pathlib import Path
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.fleet import LocalFleet
from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.settings import Settings
from tests.contract.local_fleet.stand_ins import COMMAND, SPECS, ready
data = Path(sys.argv[1])
fleet = LocalFleet(
    ReplicaRows(Database(data / "jobs.db")), settings=Settings(data=data), specs=SPECS,
    clock=SystemClock(), command=COMMAND,
)
for worker in sys.argv[2:]:
    ready(fleet, worker)
print("up", flush=True)
signal.pause()
"""


@pytest.fixture
def dead_supervisor(tmp_path, database):
    """Run these workers under another supervisor, then kill it."""

    def make(*workers):
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(tmp_path), *workers],
            stdout=subprocess.PIPE,
            cwd=live.ROOT,
        )
        assert process.stdout.readline() == b"up\n"
        process.kill()
        process.communicate()

    return make


def test_replicas_drain_when_their_supervisor_dies(dead_supervisor, fleet):
    dead_supervisor("serves")
    pid = only(fleet).pid

    until(lambda: is_gone(pid))

    assert fleet.recover() == [only(fleet).id]
    assert only(fleet).stage == "gone"


def test_a_replica_that_outlives_its_supervisor_is_watched_until_it_goes(dead_supervisor, fleet):
    dead_supervisor("stubborn")

    assert fleet.recover() == []
    assert only(fleet).stage == "draining"
    assert fleet.poll_exits() == []

    os.kill(only(fleet).pid, signal.SIGKILL)
    (ended,) = until(fleet.poll_exits)
    assert ended.stage == "gone"


def test_it_is_ended_with_the_rest(dead_supervisor, fleet):
    dead_supervisor("stubborn")
    fleet.recover()
    pid = only(fleet).pid

    fleet.stop_all(grace_s=0)

    until(lambda: is_gone(pid))


def test_a_process_id_that_was_given_to_another_is_not_taken_for_the_replica(database, fleet):
    with database.write() as execute:
        execute(
            "INSERT INTO replica (id, worker, stage, pid, pid_started) VALUES (?, ?, ?, ?, ?)",
            ("old", "serves", "ready", os.getpid(), processes.started_at(os.getpid()) - 1),
        )

    assert fleet.recover() == ["old"]


def test_old_logs_go(make_fleet, settings):
    logs = settings.data / "logs"
    logs.mkdir()
    for number in range(MAX_LOGS + 20):
        (logs / f"old-{number}.log").write_text("old")
        os.utime(logs / f"old-{number}.log", (number, number))

    replica_id = start(make_fleet(), "quiet")

    left = {log.name for log in logs.iterdir()}
    assert len(left) == MAX_LOGS + 1
    assert f"{replica_id}.log" in left
    assert "old-0.log" not in left


def test_old_rows_go_but_the_newest_cold_starts_stay(make_fleet, database):
    fleet = make_fleet()
    with database.write() as execute:
        for number in range(30):
            execute(
                "INSERT INTO replica (id, worker, stage, asked_at, loading_at, ready_at, ended_at)"
                " VALUES (?, 'serves', 'gone', ?, ?, ?, ?)",
                (f"r{number}", number, number, number + 0.5, number + 1),
            )
            execute(
                "INSERT INTO replica (id, worker, stage, asked_at, ended_at)"
                " VALUES (?, 'serves', 'failed', ?, ?)",
                (f"f{number}", number, number + 1),
            )

    assert fleet.forget(ended_before=100) == 10 + 30
    assert len(fleet.cold_starts("serves", limit=99)) == 20


def test_a_replica_notes_its_process_when_its_supervisor_could_not(database):
    with database.write() as execute:
        execute("INSERT INTO replica (id, worker, stage) VALUES ('new', 'quiet', 'starting')")
        execute(
            "INSERT INTO replica (id, worker, stage, pid) VALUES ('old', 'quiet', 'loading', 7)"
        )
    for replica_id in ("new", "old"):
        SqliteRoster(database, pid=os.getpid()).report(replica_id, "loading", now=1.0)

    noted = dict(database.read("SELECT id, pid FROM replica"))
    assert noted == {"new": os.getpid(), "old": 7}
