from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from handlers import upkeep
from handlers.upkeep import Chore, Upkeep, run
from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.feed import WakeAnnouncer
from pilotlight.adapters.local.queue import TableQueueSender
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket
from pilotlight.contracts import moves
from pilotlight.contracts.artifact import ARTIFACTS, Artifact
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import UnknownFile
from pilotlight.execution.reaper import Reaper
from pilotlight.settings import Settings
from tests.live import until


class Diary:
    """A chore's work that writes down when it was called."""

    def __init__(self, wish=None):
        self.times, self.wish = [], wish

    def __call__(self, now):
        self.times.append(now)
        return None if self.wish is None else self.wish(now)


def breaks(now):
    raise RuntimeError("the disk is full")


def pass_time(house, clock, seconds):
    """Step through this many seconds as the thread would."""
    end = clock.now() + seconds
    while True:
        nap_s = house.step()
        if clock.now() + nap_s > end:
            clock.sleep(end - clock.now())
            return
        clock.sleep(max(nap_s, 0.001))


def house_of(clock, *chores):
    return Upkeep(chores, clock=clock, wake=threading.Event())


def test_each_chore_runs_at_its_own_interval(clock):
    often, seldom = Diary(), Diary()
    house = house_of(clock, Chore("often", 1, often), Chore("seldom", 10, seldom))

    pass_time(house, clock, 30)

    assert len(often.times) == 31
    assert len(seldom.times) == 4


def test_a_failing_chore_never_stops_the_others(clock):
    well = Diary()
    house = house_of(clock, Chore("breaks", 1, breaks), Chore("well", 1, well))

    pass_time(house, clock, 10)

    assert len(well.times) == 11


def test_a_failing_chore_waits_for_its_interval_like_any_other(clock):
    tried = Diary(wish=breaks)
    house = house_of(clock, Chore("breaks", 5, tried))

    pass_time(house, clock, 20)

    assert len(tried.times) == 5


def test_a_chore_may_ask_to_be_called_sooner_but_not_at_once_for_ever(clock):
    soon = Diary(wish=lambda now: now + 0.5)
    hot = Diary(wish=lambda now: now)
    house = house_of(clock, Chore("soon", 10, soon), Chore("hot", 10, hot))

    pass_time(house, clock, 5)

    assert 10 <= len(soon.times) <= 11
    assert len(hot.times) <= 5 / 0.05 + 1


def test_a_chore_that_asks_for_later_keeps_its_interval(clock):
    calm = Diary(wish=lambda now: now + 3600)
    house = house_of(clock, Chore("calm", 1, calm))

    pass_time(house, clock, 5)

    assert len(calm.times) == 6


def test_a_woken_chore_runs_before_its_time(clock):
    lit = threading.Event()
    work = Diary()
    house = house_of(clock, Chore("scale", 60, work, woken_by=lit))
    house.step()

    lit.set()
    house.step()

    assert len(work.times) == 2


def test_a_chore_may_leave_the_start_alone(clock):
    late = Diary()
    house = house_of(clock, Chore("late", 3600, late, first_s=60))

    pass_time(house, clock, 59)
    assert late.times == []

    pass_time(house, clock, 1)
    house.step()
    assert len(late.times) == 1


def test_how_a_chore_went_is_told_and_its_failure_goes_no_further():
    work = Diary()

    outcome = [
        run(chore, 5.0)[0] for chore in (Chore("breaks", 1, breaks), Chore("works", 1, work))
    ]

    assert outcome == [False, True]
    assert work.times == [5.0]


def test_the_thread_sleeps_until_woken_and_ends_when_told():
    lit, looks = threading.Event(), []

    def work(now):
        lit.clear()
        looks.append(now)

    house = Upkeep([Chore("scale", 3600, work, woken_by=lit)], clock=SystemClock(), wake=lit)
    house.start()
    until(lambda: looks, what="the first look")

    lit.set()
    until(lambda: len(looks) == 2, what="the look that was asked for")
    house.stop()

    lit.set()
    assert len(looks) == 2


def test_a_burst_of_wakes_is_a_few_looks():
    lit, looks = threading.Event(), []

    def work(now):
        lit.clear()
        looks.append(now)

    house = Upkeep([Chore("scale", 3600, work, woken_by=lit)], clock=SystemClock(), wake=lit)
    house.start()
    began = SystemClock().monotonic()
    while len(looks) < 5:
        lit.set()
    took_s = SystemClock().monotonic() - began
    house.stop()

    assert took_s >= 3 * 0.05, "looks rest between each other however often they are asked for"


@pytest.fixture
def store(database):
    return SqliteStore(database)


@pytest.fixture
def reaper(database, store, clock, tmp_path):
    wake = WakeSocket()
    yield Reaper(
        store,
        TableQueueSender(database, wake),
        WakeAnnouncer(database, wake, clock),
        clock=clock,
        settings=Settings(data=tmp_path),
    )
    wake.close()


def leased(store, clock, job, owner="replica-1"):
    store.create([job])
    return store.move(job.id, moves.lease(owner=owner, now=clock.now(), lease_s=60, margin_s=10))


def test_reaping_is_due_when_the_next_row_is(store, reaper, clock, make_job):
    job = make_job(due_at=clock.now() + 5, start_by=clock.now() + 5)
    store.create([job])
    work = upkeep.reap(store, reaper)

    assert work(clock.now()) == job.due_at
    assert store.get(job.id).status is JobStatus.ACCEPTED

    clock.sleep(5)
    assert work(clock.now()) is None
    assert store.get(job.id).status is JobStatus.EXPIRED


def test_jobs_of_a_dead_replica_wait_again_at_once(store, reaper, clock, make_job):
    job = leased(store, clock, make_job())
    lit = threading.Event()
    ended = [SimpleNamespace(replica_id="replica-1")]
    fleet = SimpleNamespace(poll_exits=lambda: [ended.pop()] if ended else [])
    work = upkeep.free_jobs_of_the_dead(fleet, reaper, lit)

    work(clock.now())

    assert store.get(job.id).status is JobStatus.QUEUED
    assert lit.is_set(), "capacity is looked at again"

    lit.clear()
    work(clock.now())
    assert not lit.is_set()


def test_what_is_old_enough_is_forgotten_with_its_files(store, clock, make_job, tmp_path):
    blobs = FolderBlobs(tmp_path / "files", secret=b"s" * 32, clock=clock)
    info = blobs.put("results/a/1/image.png", b"png", content_type="image/png")
    artifact = Artifact(
        key=info.key, file_name="image.png", content_type="image/png", size=3, sha256=info.sha256
    )
    job = leased(store, clock, make_job(keep_s=100.0))
    artifacts = ARTIFACTS.dump_json([artifact]).decode()
    store.move(job.id, moves.succeed(job, now=clock.now(), output="{}", artifacts=artifacts))
    work = upkeep.clean(store, blobs)

    clock.sleep(99)
    work(clock.now())
    assert store.get(job.id) is not None
    assert blobs.info(info.key).size == 3

    clock.sleep(2)
    work(clock.now())
    assert store.get(job.id) is None
    with pytest.raises(UnknownFile):
        blobs.info(info.key)


def test_a_full_batch_of_old_rows_asks_for_the_next_soon(
    store, clock, make_job, tmp_path, monkeypatch
):
    monkeypatch.setattr(upkeep, "PURGE_BATCH", 2)
    blobs = FolderBlobs(tmp_path / "files", secret=b"s" * 32, clock=clock)
    for _ in range(3):
        job = leased(store, clock, make_job(keep_s=1.0))
        store.move(job.id, moves.succeed(job, now=clock.now(), output="{}"))
    clock.sleep(2)
    work = upkeep.clean(store, blobs)

    assert work(clock.now()) == clock.now()
    assert work(clock.now()) is None
    assert store.list_jobs() == []
