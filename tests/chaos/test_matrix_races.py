"""Rows of the fault matrix that are races for one row: at volume, each side with its own SQLite.

Both sides of a race meet at a barrier before every row; what decides is the lock of the file.
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading

import pytest

from pilotlight import bootstrap
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.queue import TableQueueReceiver, TableQueueSender
from pilotlight.adapters.local.replicas import ReplicaRows
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from pilotlight.execution.reaper import Reaped, Reaper
from pilotlight.intake.submission import Submission
from pilotlight.settings import Settings

TERMS = {"lease_s": 60, "margin_s": 10}
DEADLINE_S = 60


def row(number):
    return pytest.mark.parametrize("row", [pytest.param(number, id=f"row-{number}")])


@pytest.fixture
def open_store(tmp_path):
    opened = []

    def make():
        opened.append(Database(tmp_path / "jobs.db"))
        return SqliteStore(opened[-1])

    yield make
    for database in opened:
        database.close()


def race(jobs, *sides):
    """What each side got for each job; all sides begin on a job together."""
    barrier = threading.Barrier(len(sides))
    won = [[] for _ in sides]

    def run(side, got):
        for job in jobs:
            barrier.wait(DEADLINE_S)
            got.append(side(job))

    threads = [
        threading.Thread(target=run, args=pair, daemon=True)
        for pair in zip(sides, won, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
        assert not thread.is_alive()
    return list(zip(*won, strict=True))


def mover(store, move_of):
    return lambda job: store.move(job.id, move_of(job))


def held(store, make_job, count, **changes):
    """Jobs that a replica runs."""
    made = [make_job(**changes) for _ in range(count)]
    store.create(made)
    now = made[0].created_at
    with store.together():
        return [store.move(job.id, moves.lease(owner="r", now=now, **TERMS)) for job in made]


@row(50)
def test_of_cancel_and_complete_exactly_one_wins_ten_thousand_times(open_store, make_job, row):
    one, other = open_store(), open_store()
    jobs = held(one, make_job, 10_000, webhook="https://alice.example/hook")
    now = jobs[0].created_at + 1

    results = race(
        jobs,
        mover(one, lambda job: moves.cancel(job, now=now)),
        mover(other, lambda job: moves.succeed(job, now=now, output='"done"')),
    )

    assert all((cancelled is None) != (done is None) for cancelled, done in results)
    for job, (cancelled, done) in zip(jobs, results, strict=True):
        assert one.get(job.id) == (cancelled or done)
        (record,) = one.attempts_of(job.id)
        assert record.outcome == ("T12" if cancelled else "T6")


@row(52)
def test_of_expire_and_lease_exactly_one_wins(open_store, make_job, row):
    """The clocks of the two differ by a moment, so that each finds its own guard fulfilled."""
    one, other = open_store(), open_store()
    jobs = [make_job() for _ in range(1000)]
    one.create(jobs)
    start_by = jobs[0].start_by

    results = race(
        jobs,
        mover(one, lambda job: moves.expire(job, now=start_by)),
        mover(other, lambda job: moves.lease(owner="r", now=start_by - 0.001, **TERMS)),
    )

    assert all((expired is None) != (leased is None) for expired, leased in results)
    for job, (expired, leased) in zip(jobs, results, strict=True):
        assert one.get(job.id) == (expired or leased)


@row(27)
def test_of_three_who_lease_one_job_one_gets_it(open_store, make_job, row):
    stores = [open_store() for _ in range(3)]
    jobs = [make_job() for _ in range(1000)]
    stores[0].create(jobs)
    now = jobs[0].created_at

    def lease(number):
        return mover(stores[number], lambda job: moves.lease(owner=f"r{number}", now=now, **TERMS))

    results = race(jobs, *map(lease, range(3)))

    assert all(sum(job is not None for job in leased) == 1 for leased in results)
    assert all(stores[0].get(job.id).fence == 1 for job in jobs)


class Deaf:
    def changed(self, job_ids):
        """Nobody listens in this test."""


class LeasedMeanwhile(SqliteStore):
    """Whoever reads a waiting job here is told of it a moment before it is leased."""

    def get(self, job_id):
        job = super().get(job_id)
        if job is not None and job.status is JobStatus.QUEUED:
            self.move(job_id, moves.lease(owner="replica-1", now=job.created_at, **TERMS))
        return job


@row(51)
def test_a_job_leased_while_it_is_being_cancelled_is_stopped_as_well(tmp_path, clock, wake, row):
    services = bootstrap.services(Settings(data=tmp_path), clock=clock)
    database = Database(tmp_path / "jobs.db")
    wished = Submission(caller="a", endpoint="pilotlight/echo", body=b'{"text":"x"}', origin="fal")
    ReplicaRows(database).add("replica-1", "echo", slots=1, now=clock.now())
    TableQueueReceiver(database, wake, clock, worker="echo", replica_id="replica-1")
    job = asyncio.run(services.submit(wished))
    wake.hear()
    control = dataclasses.replace(services.control, store=LeasedMeanwhile(database))

    cancelled = control.cancel(job.id, caller="a")

    services.close()
    database.close()
    assert cancelled.status is JobStatus.CANCELLED
    assert wake.hear() == [job.id]


@pytest.fixture
def wake():
    socket = WakeSocket()
    yield socket
    socket.close()


@row(37)
def test_three_reapers_take_a_lost_lease_back_once(open_store, make_job, clock, wake, row):
    stores = [open_store() for _ in range(3)]
    jobs = held(stores[0], make_job, 900, start_by=clock.now() + 10_000, run_timeout_s=600.0)
    clock.sleep(71)
    reapers = [
        Reaper(store, TableQueueSender(store._db, wake), Deaf(), clock, Settings())
        for store in stores
    ]

    (reaped,) = race([None], *[lambda _job, reaper=reaper: reaper() for reaper in reapers])

    done = sum(reaped, Reaped())
    assert (done.returned, done.poisoned, done.timed_out) == (900, 0, 0)
    for job in jobs:
        after = stores[0].get(job.id)
        assert (after.status, after.losses, after.fence) == (JobStatus.QUEUED, 1, 2)
        assert [record.outcome for record in stores[0].attempts_of(job.id)] == ["T10"]
