"""The fleet suite on the local fleet, and what only real processes can show."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import threading

import pytest

from pilotlight.adapters.local import processes
from pilotlight.adapters.local.clock import ManualClock
from pilotlight.errors import Unavailable
from pilotlight.settings import ReplicaSettings, Settings, load
from tests.contract.fleet_suite import FleetSuite
from tests.contract.local_fleet.stand_ins import is_gone, only, ready, start, until


class TestLocalFleet(FleetSuite):
    @pytest.fixture
    def clock(self):
        return ManualClock()

    @pytest.fixture
    def fleet(self, make_fleet, clock):
        return make_fleet(clock)


def test_a_replica_is_a_process_that_reports_for_itself(fleet):
    ready(fleet, "serves")

    replica = only(fleet)
    assert processes.started_at(replica.pid) is not None
    assert replica.asked_at <= replica.loading_at <= replica.ready_at


def test_what_replicas_print_and_work_on_is_for_its_owner_alone(fleet, settings):
    ready(fleet, "serves")

    folders = [settings.data / name for name in ("logs", "scratch")]
    assert [oct(folder.stat().st_mode & 0o777) for folder in folders] == ["0o700"] * 2


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


def test_a_replica_that_falls_silent_is_killed_whether_it_holds_a_job_or_not(make_fleet, database):
    clock = ManualClock()
    fleet = make_fleet(clock)
    replica_id = ready(fleet, "stubborn")
    with database.write() as execute:  # the stand-in keeps the real time, this test its own
        execute("UPDATE replica SET seen_at = ?", (clock.now(),))
    clock.sleep(69)
    assert fleet.poll_exits() == []
    clock.sleep(2)
    assert fleet.poll_exits() == []  # the benefit of the doubt begins

    clock.sleep(15)

    assert [ended.replica_id for ended in until(fleet.poll_exits)] == [replica_id]


def test_nobody_is_taken_for_silent_while_the_disk_lets_no_word_through(make_fleet, database):
    clock = ManualClock()
    fleet = make_fleet(clock)
    replica_id = ready(fleet, "stubborn")
    with database.write() as execute:
        execute("UPDATE replica SET seen_at = ?", (clock.now(),))
    for _ in range(3):
        clock.sleep(100)
        with full(database), pytest.raises(Unavailable):
            fleet.poll_exits()

    clock.sleep(10)
    assert fleet.poll_exits() == []
    with database.write() as execute:  # it had tried all the time
        execute("UPDATE replica SET seen_at = ?", (clock.now(),))
    clock.sleep(20)
    assert fleet.poll_exits() == []

    assert fleet._kill_at == {}
    clock.sleep(100)
    assert fleet.poll_exits() == []
    clock.sleep(20)
    assert [ended.replica_id for ended in until(fleet.poll_exits)] == [replica_id]


def test_a_death_that_could_not_be_written_down_is_written_later(make_fleet, database):
    fleet = make_fleet()
    replica_id = ready(fleet, "serves")
    os.kill(only(fleet).pid, signal.SIGKILL)
    until(lambda: is_gone(only(fleet).pid))
    with full(database), pytest.raises(Unavailable):
        fleet.poll_exits()

    assert [ended.replica_id for ended in until(fleet.poll_exits)] == [replica_id]
    assert only(fleet).ended_at is not None


@contextlib.contextmanager
def full(database):
    """As on a full disk: what is there can be read, and no write gets through."""
    with database._locked():
        database._writer.execute("PRAGMA query_only = 1")
    yield
    with database._locked():
        database._writer.execute("PRAGMA query_only = 0")


def test_a_start_that_failed_and_could_not_be_written_down_is_no_capacity_for_ever(
    make_fleet, database
):
    fleet = make_fleet(command=("/no/such/program",))
    with database.write() as execute:
        execute("CREATE TRIGGER full BEFORE UPDATE ON replica BEGIN SELECT RAISE(FAIL, 'x'); END")
    with pytest.raises(sqlite3.IntegrityError):
        fleet.start("serves", 1)
    assert only(fleet).stage == "starting"
    with database.write() as execute:
        execute("DROP TRIGGER full")

    assert [ended.stage for ended in fleet.poll_exits()] == ["failed"]
    assert "cannot be started" in only(fleet).error


def test_whoever_stops_on_a_full_disk_leaves_no_process_behind(make_fleet, database):
    fleet = make_fleet()
    replica_id = ready(fleet, "stubborn")
    pid = only(fleet).pid
    with full(database):
        assert fleet.stop_all(0.1) == []
    assert is_gone(pid)

    assert make_fleet().recover() == [replica_id]


class Lid(ManualClock):
    """The clock of a machine that can be shut: it sleeps, and only the wall clock runs on."""

    shut_s = 0.0

    def now(self):
        return super().now() + self.shut_s


def test_replicas_of_a_machine_that_slept_are_not_taken_for_silent(make_fleet, database):
    clock = Lid()
    fleet = make_fleet(clock)
    replica_id = ready(fleet, "stubborn")
    with database.write() as execute:
        execute("UPDATE replica SET seen_at = ?", (clock.now(),))
    clock.shut_s = 3600.0
    assert fleet.poll_exits() == []
    clock.sleep(59)
    assert fleet.poll_exits() == []
    assert fleet._kill_at == {}

    clock.sleep(2)  # time enough to say a word
    assert fleet.poll_exits() == []
    clock.sleep(15)
    assert [ended.replica_id for ended in until(fleet.poll_exits)] == [replica_id]
