"""The steward on SQLite: members counted once, groups ended once, whatever is interrupted."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import pytest

from pilotlight.adapters.local.clock import ManualClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.groups import SqliteGroups
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.group import member_id
from pilotlight.contracts.job import READY, Job, JobError, JobStatus
from pilotlight.intake.groups.kind import Chunk, Result
from pilotlight.intake.groups.opening import Groups, Opening
from pilotlight.intake.groups.steward import MOST_OPEN, Steward
from pilotlight.intake.groups.waking import Waker
from pilotlight.settings import JobSettings

LEASE = {"lease_s": 60, "margin_s": 10}


class Quiet:
    """A queue, a lighter and an announcer that nobody listens to."""

    rides_on_store = True

    def __init__(self):
        self.poked, self.lit, self.told = [], [], []

    def send(self, message):
        pass

    def poke(self, worker, *job_ids):
        self.poked += job_ids

    def light(self, worker):
        self.lit.append(worker)

    def changed(self, job_ids):
        self.told += job_ids


class Lines:
    """A kind: ``size`` members in order, one of which may wait for all the others."""

    def __init__(self, make_job, store, clock, *, size, gate=False):
        self.make_job, self.store, self.clock = make_job, store, clock
        self.size, self.gate = size, gate
        self.released, self.wound_up = [], []

    def more(self, head, tally, *, limit):
        first = int(tally.cursor or 0)
        last = min(first + limit, self.size)
        jobs = [self.member(head, number) for number in range(first, last)]
        if self.gate and last == self.size:
            jobs.append(replace(self.member(head, self.size), status=JobStatus.WAITING))
        return Chunk(jobs=jobs, cursor=str(last), last=last == self.size)

    def member(self, head, number):
        key = f"{number:06d}"
        return self.make_job(id=member_id(head.id, key), group_id=head.id, member=key)

    def advance(self, head, ended):
        if not self.gate:
            return
        for number in range(self.size):
            job = self.store.get(member_id(head.id, f"{number:06d}"))
            if job is None or job.status is not JobStatus.SUCCEEDED:
                return
        now = self.clock.now()
        move = moves.release(now=now, text="{}", start_by=now + 60, due_at=now + 60)
        if self.store.move(member_id(head.id, f"{self.size:06d}"), move) is not None:
            self.released.append(head.id)

    def finish(self, head, tally):
        if tally.failed:
            return JobError("member_failed", f"{tally.failed} failed")
        return Result(output=f'{{"total":{tally.total}}}')

    def wind_up(self, head, tally):
        self.wound_up.append((head.status, tally.ended))


class House:
    def __init__(self, path, make_job, clock, **kind):
        self.clock, self.database = clock, Database(path)
        self.store, self.groups = SqliteStore(self.database), SqliteGroups(self.database)
        self.kind = Lines(make_job, self.store, clock, **kind)
        self.quiet = Quiet()
        self.steward = self.another_steward()
        self.opener = Groups(
            store=self.store,
            groups=self.groups,
            clock=clock,
            settings=JobSettings(),
            kick=self.steward.kick,
        )

    def another_steward(self):
        quiet, store = self.quiet, self.store
        waker = Waker(
            store=store, queue=quiet, lighter=quiet, clock=self.clock, settings=JobSettings()
        )
        return Steward(
            store=store,
            groups=self.groups,
            queue=quiet,
            announcer=quiet,
            waker=waker,
            clock=self.clock,
            kinds={"lines": self.kind},
        )

    def open(self, **more):
        wish = Opening(caller="alice", kind="lines", origin="fal", text="{}", **more)
        return self.opener.open(wish)

    def look(self):
        """Until nothing is due."""
        while (again_at := self.steward(self.clock.now())) is not None:
            if again_at > self.clock.now():
                return again_at
        return None

    def run(self, job, *, well=True, store=None):
        store, now = store or self.store, self.clock.now()
        held = store.move(job.id, moves.lease(owner="r1", now=now, **LEASE))
        if well:
            return store.move(job.id, moves.succeed(held, now=now, output="{}"))
        return store.move(job.id, moves.fail(held, now=now, error=JobError("worker_error", "no")))

    def members(self, head):
        return self.groups.members(head.id, limit=10_000)


@pytest.fixture
def build(tmp_path, make_job, clock):
    houses, numbers = [], itertools.count()

    def make(**kind):
        houses.append(House(tmp_path / f"jobs-{next(numbers)}.db", make_job, clock, **kind))
        return houses[-1]

    yield make
    for house in houses:
        house.database.close()


def test_a_group_runs_from_its_opening_to_its_announcement(build):
    house = build(size=3)
    head = house.open(webhook="https://example.org/hook")
    house.look()
    assert house.quiet.lit == ["echo"]

    for job in house.members(head):
        house.run(job)
    assert house.look() is None

    row = house.store.get(head.id)
    assert (row.status, row.output) == (JobStatus.SUCCEEDED, '{"total":3}')
    assert [due.id for due in house.store.webhooks_due(now=house.clock.now())] == [head.id]
    assert house.groups.tally(head.id).succeeded == 3
    assert not house.steward.busy


def test_a_group_without_members_is_over_at_once(build):
    house = build(size=0)
    head = house.open()

    assert house.look() is None
    assert house.store.get(head.id).status is JobStatus.SUCCEEDED


def test_a_kind_may_say_that_the_group_failed(build):
    house = build(size=2)
    head = house.open()
    house.look()
    first, second = house.members(head)
    house.run(first, well=False)
    house.run(second)

    assert house.look() is None
    row = house.store.get(head.id)
    assert row.status is JobStatus.FAILED
    assert "1 failed" in row.error


def test_members_are_added_as_others_end_and_each_once(build):
    size = MOST_OPEN + 700
    house = build(size=size)
    head = house.open()
    house.look()
    assert MOST_OPEN <= len(house.members(head)) < MOST_OPEN + house.groups.chunk

    seen = set()
    while live := house.groups.members(head.id, limit=10_000, live=True):
        with house.store.together():
            for job in live:
                assert job.id not in seen
                seen.add(job.id)
                house.run(job)
        house.look()

    assert len(seen) == size
    assert house.store.get(head.id).output == f'{{"total":{size}}}'


@pytest.mark.parametrize("ends", ["cancel", "expire"])
def test_a_group_that_ends_early_takes_its_members_with_it(build, ends):
    house = build(size=5)
    head = house.open(expires_s=100)
    house.look()
    done, held, *_ = house.members(head)
    house.run(done)
    house.store.move(held.id, moves.lease(owner="r1", now=house.clock.now(), **LEASE))
    house.clock.sleep(100)
    end = moves.cancel if ends == "cancel" else moves.expire
    house.store.move(head.id, end(head, now=house.clock.now()))

    house.look()
    house.clock.sleep(1)
    assert house.look() is None

    statuses = [job.status for job in house.members(head)]
    assert statuses == [JobStatus.SUCCEEDED, *[JobStatus.CANCELLED] * 4]
    assert house.quiet.poked == [held.id]
    assert house.groups.tally(head.id).is_over
    assert house.kind.wound_up == [(house.store.get(head.id).status, 5)]


def test_a_cancelled_group_gets_no_more_members(build):
    house = build(size=MOST_OPEN + 500)
    head = house.open()
    house.look()
    house.store.move(head.id, moves.cancel(head, now=house.clock.now()))
    house.look()
    house.clock.sleep(1)

    assert house.look() is None
    tally = house.groups.tally(head.id)
    assert tally.sealed
    assert tally.cancelled == tally.total < MOST_OPEN + 500


def test_one_group_that_cannot_be_looked_after_does_not_stop_another(build):
    house = build(size=1)
    bad, good = house.open(), house.open()
    finish, house.kind.finish = house.kind.finish, None

    def picky(head, tally):
        if head.id == bad.id:
            raise ZeroDivisionError
        return finish(head, tally)

    house.kind.finish = picky
    house.look()
    for head in (bad, good):
        house.run(house.members(head)[0])
    again_at = house.look()

    assert house.store.get(good.id).status is JobStatus.SUCCEEDED
    assert house.store.get(bad.id).status is JobStatus.WAITING
    assert house.clock.now() < again_at <= house.clock.now() + 60
    house.kind.finish = finish
    house.clock.sleep(60)
    assert house.look() is None
    assert house.store.get(bad.id).status is JobStatus.SUCCEEDED


CALLS = [
    (owner, name)
    for owner, names in {
        "groups": ("settle", "add", "marks", "next_mark"),
        "store": ("get", "move"),
        "kind": ("more", "advance", "finish"),
    }.items()
    for name in names
]


class Crash(BaseException):
    """As a kill: nothing catches it."""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("owner", "name"), CALLS)
def test_a_steward_killed_at_any_call_leaves_nothing_undone(build, owner, name, moment):
    """For each call that it makes, in turn: it dies there, and another one goes on."""
    for victim in itertools.count():
        house = build(size=3, gate=True)
        fell = threading.Event()
        target = getattr(house, owner)
        real, count = getattr(target, name), itertools.count()

        def dying(*args, real=real, count=count, fell=fell, victim=victim, **kwargs):
            if next(count) != victim:
                return real(*args, **kwargs)
            fell.set()
            if moment == "after":
                real(*args, **kwargs)
            raise Crash

        head = house.open(webhook="https://example.org/hook")
        setattr(target, name, dying)
        live_through(house, head)
        setattr(target, name, real)
        check(house, head)
        if not fell.is_set():
            assert victim > 0
            return


def live_through(house, head):
    """As the house does: steward after steward, and a replica that is not touched by the fault."""
    sound = SqliteStore(house.database)
    for _ in range(40):
        try:
            house.look()
        except Crash:
            house.steward = house.another_steward()
            continue
        for job in house.members(head):
            if job.status in READY:
                house.run(job, store=sound)
        house.clock.sleep(6)
        row = sound.get(head.id)
        if row.status.is_terminal and row.group_due is None:
            return


def check(house, head):
    row = house.store.get(head.id)
    assert (row.status, row.output) == (JobStatus.SUCCEEDED, '{"total":4}')
    assert row.group_due is None
    tally = house.groups.tally(head.id)
    assert (tally.total, tally.succeeded) == (4, 4)
    assert len(house.members(head)) == 4
    assert all(len(house.store.attempts_of(job.id)) == 1 for job in house.members(head))


def test_fan_in_starts_once_when_the_last_two_end_together(build):
    """Reliability 3.1, row 58; at its full size in the slow test below."""
    fan_in(build, children=20, times=100)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fan_in_of_500_starts_once_a_thousand_times(build):
    fan_in(build, children=500, times=1000)


def fan_in(build, *, children, times):
    """Two replicas end the last two children at one barrier, and two stewards look at once."""
    house = build(size=children, gate=True)
    house.clock = house.kind.clock = ManualClock()
    other = Database(house.database._path)
    try:
        starts = 0
        for _ in range(times):
            head = house.open()
            house.look()
            *rest, first, second, gate = house.members(head)
            with house.store.together():
                for job in rest:
                    house.run(job)
            house.look()
            assert house.store.get(gate.id).status is JobStatus.WAITING
            together(house, other, first, second)
            house.look()
            row = house.store.get(gate.id)
            assert row.status is JobStatus.ACCEPTED
            starts += 1
            assert house.kind.released.count(head.id) == 1
            assert house.run(row).status is JobStatus.SUCCEEDED
            house.look()
            assert house.store.get(head.id).status is JobStatus.SUCCEEDED
        assert starts == len(house.kind.released) == times
    finally:
        other.close()


def together(house, other, first, second):
    barrier = threading.Barrier(2)
    stewards = (house.steward, house.another_steward())
    stores = (house.store, SqliteStore(other))
    trouble = []

    def play(job, store, steward):
        try:
            barrier.wait(30)
            house.run(job, store=store)
            steward(house.clock.now())
        except Exception as error:  # noqa: BLE001 - told below
            trouble.append(error)

    threads = [
        threading.Thread(target=play, args=args)
        for args in zip((first, second), stores, stewards, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not trouble


def test_a_job_without_a_group_is_no_business_of_the_steward(build, make_job):
    house = build(size=1)
    assert house.look() is None
    (created,) = house.store.create([make_job()])
    house.run(created.job)

    assert house.look() is None
    assert isinstance(house.store.get(created.job.id), Job)
    assert not house.steward.busy
