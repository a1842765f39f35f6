"""The fleet suite on the local fleet, and what only real processes can show."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pydantic import BaseModel

from pilotlight.adapters.local import processes
from pilotlight.adapters.local.clock import ManualClock, SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.fleet import MAX_LOGS, LocalFleet
from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts.worker import Endpoint, WorkerSpec
from pilotlight.settings import ReplicaSettings, Settings, load
from tests import live
from tests.contract.fleet_suite import FleetSuite, stages

STAND_IN = Path(__file__).parent / "programs" / "stand_in.py"
COMMAND = (sys.executable, str(STAND_IN))


class Nothing(BaseModel):
    pass


def spec(name):
    endpoint = Endpoint(id=f"test/{name}", task="test", input=Nothing, output=Nothing)
    return WorkerSpec(name=name, endpoints=(endpoint,), gpu_memory_gib=0, jobs_per_replica=2)


NAMES = ("quiet", "serves", "broken", "leaves", "says-why", "stubborn", "with-child")
SPECS = {name: spec(name) for name in NAMES}


until = functools.partial(live.until, what="the fleet to get there")


@pytest.fixture
def settings(tmp_path):
    return Settings(data=tmp_path, replica=ReplicaSettings(grace_s=2))


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "jobs.db")
    yield opened
    opened.close()


@pytest.fixture
def store(database):
    return SqliteStore(database)


@pytest.fixture
def roster(database):
    return SqliteRoster(database)


@pytest.fixture
def make_fleet(database, settings):
    made = []

    def make(clock=None, command=COMMAND):
        fleet = LocalFleet(
            ReplicaRows(database),
            settings=settings,
            specs=SPECS,
            clock=clock or SystemClock(),
            command=command,
        )
        made.append(fleet)
        return fleet

    yield make
    for fleet in made:
        fleet.hurry.set()
        fleet.stop_all(0)


class TestLocalFleet(FleetSuite):
    @pytest.fixture
    def clock(self):
        return ManualClock()

    @pytest.fixture
    def fleet(self, make_fleet, clock):
        return make_fleet(clock)


@pytest.fixture
def fleet(make_fleet):
    return make_fleet()


def only(fleet):
    (replica,) = fleet.replicas()
    return replica


def start(fleet, worker):
    """Start one; its id once it runs."""
    before = stages(fleet)
    fleet.start(worker, 1)
    (new,) = stages(fleet).keys() - before.keys()
    return new


def ready(fleet, worker):
    replica_id = start(fleet, worker)
    until(lambda: stages(fleet)[replica_id] == "ready")
    return replica_id


def is_gone(pid):
    return processes.started_at(pid) is None


def test_a_replica_is_a_process_that_reports_for_itself(fleet):
    ready(fleet, "serves")

    replica = only(fleet)
    assert processes.started_at(replica.pid) is not None
    assert replica.asked_at <= replica.loading_at <= replica.ready_at


def test_a_retired_replica_goes_and_its_row_says_so(fleet):
    replica_id = ready(fleet, "serves")
    pid = only(fleet).pid

    assert fleet.retire(replica_id)

    (ended,) = until(fleet.poll_exits)
    assert (ended.replica_id, ended.worker, ended.stage) == (replica_id, "serves", "gone")
    assert (only(fleet).stage, only(fleet).error) == ("gone", None)
    assert is_gone(pid)


def test_whoever_waits_is_told_that_one_may_be_over(fleet):
    over = threading.Event()
    fleet.on_end = over.set
    replica_id = ready(fleet, "serves")
    assert not over.is_set()

    fleet.retire(replica_id)

    assert over.wait(30)
    assert [ended.replica_id for ended in fleet.poll_exits()] == [replica_id]


def test_each_exit_is_told_once(fleet):
    start(fleet, "broken")

    until(fleet.poll_exits)

    assert fleet.poll_exits() == []


def test_one_that_ends_before_it_is_ready_has_failed_and_its_last_words_are_kept(fleet):
    start(fleet, "broken")

    (ended,) = until(fleet.poll_exits)

    assert ended.stage == "failed"
    assert "exited with code 3" in only(fleet).error
    assert "this worker has no weights" in only(fleet).error


def test_one_that_leaves_quietly_before_it_is_ready_has_failed_too(fleet):
    """Else the scaler would start it again and again without a pause."""
    start(fleet, "leaves")

    (ended,) = until(fleet.poll_exits)

    assert ended.stage == "failed"


def test_the_reason_a_replica_gave_itself_stays(fleet):
    start(fleet, "says-why")

    until(fleet.poll_exits)

    assert only(fleet).error == "the weights are of another model"


def test_a_killed_replica_that_never_worked_has_failed(fleet):
    ready(fleet, "serves")
    os.kill(only(fleet).pid, signal.SIGKILL)

    (ended,) = until(fleet.poll_exits)

    assert ended.stage == "failed"
    assert only(fleet).error == "killed by SIGKILL"


def test_a_killed_replica_that_had_worked_is_only_gone(fleet, roster):
    """Jobs may go to a new one at once: there is no reason to think that it cannot load."""
    replica_id = ready(fleet, "serves")
    roster.may_lease(replica_id, now=only(fleet).ready_at + 1)
    os.kill(only(fleet).pid, signal.SIGKILL)

    (ended,) = until(fleet.poll_exits)

    assert ended.stage == "gone"
    assert only(fleet).error == "killed by SIGKILL"


def test_nothing_a_dead_replica_had_started_outlives_it(fleet, settings):
    replica_id = ready(fleet, "with-child")
    log = settings.data / "logs" / f"{replica_id}.log"
    child = int(log.read_text().partition("child=")[2])
    assert not is_gone(child)
    os.kill(only(fleet).pid, signal.SIGKILL)

    until(fleet.poll_exits)

    until(lambda: is_gone(child))


def test_a_program_that_is_not_there_is_a_failed_replica_not_an_exception(make_fleet):
    fleet = make_fleet(command=("/no/such/program",))

    fleet.start("quiet", 1)

    assert only(fleet).stage == "failed"
    assert "/no/such/program" in only(fleet).error


def test_a_retired_replica_that_does_not_go_is_killed(make_fleet, settings):
    clock = ManualClock()
    fleet = make_fleet(clock)
    replica_id = ready(fleet, "stubborn")
    assert fleet.retire(replica_id)
    assert fleet.poll_exits() == []

    clock.sleep(settings.replica.grace_s + 6)

    assert [ended.stage for ended in until(fleet.poll_exits)] == ["gone"]


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
import sys
from pathlib import Path
from tests.contract import test_fleet as t
data = Path(sys.argv[1])
fleet = t.LocalFleet(
    t.ReplicaRows(t.Database(data / "jobs.db")), settings=t.Settings(data=data), specs=t.SPECS,
    clock=t.SystemClock(), command=t.COMMAND,
)
for worker in sys.argv[2:]:
    t.ready(fleet, worker)
print("up", flush=True)
t.signal.pause()
"""


@pytest.fixture
def dead_supervisor(tmp_path, database):
    """Run these workers under another supervisor, then kill it."""

    def make(*workers):
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(tmp_path), *workers],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
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


def test_settings_reach_the_replica_as_they_are(monkeypatch, tmp_path):
    monkeypatch.setenv("PILOTLIGHT_LOG_LEVEL", "error")
    monkeypatch.setenv("PILOTLIGHT_LEASE__LEASE_S", "1")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")
    settings = Settings(
        data=tmp_path / "a folder",
        workers=("workers", "more.workers"),
        log_level="debug",
        replica=ReplicaSettings(grace_s=7),
        lease={"lease_s": 33},
    )
    environment = processes.child_environment(settings)
    for name in ("PILOTLIGHT_LOG_LEVEL", "PILOTLIGHT_LEASE__LEASE_S"):
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert load() == settings
    assert environment["SOMETHING_ELSE"] == "kept"


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


def test_a_replica_that_falls_silent_is_killed_whether_it_holds_a_job_or_not(make_fleet, database):
    clock = ManualClock()
    fleet = make_fleet(clock)
    replica_id = ready(fleet, "stubborn")
    with database.write() as execute:  # the stand-in keeps the real time, this test its own
        execute("UPDATE replica SET seen_at = ?", (clock.now(),))
    clock.sleep(69)
    assert fleet.poll_exits() == []

    clock.sleep(2)

    assert [ended.replica_id for ended in until(fleet.poll_exits)] == [replica_id]


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
