"""A steward over SQLite rows, and a kind of group that says what was asked of it."""

from __future__ import annotations

from dataclasses import replace

from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.groups import SqliteGroups
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.group import member_id
from pilotlight.contracts.job import JobError, JobStatus
from pilotlight.intake.groups.kind import Chunk, Result
from pilotlight.intake.groups.opening import Groups, Opening
from pilotlight.intake.groups.steward import Steward
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
