"""The store, feed and watch as one process sees them: the tables behind that process's calls."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pilotlight.errors import Unavailable
from pilotlight.ports.feed import Entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from pilotlight.contracts.job import AttemptRecord, Job
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.ports.feed import FeedKind, NewEntry
    from pilotlight.ports.store import Created, Load
    from tests.sim.process import Process
    from tests.sim.table import Table


class SimStore:
    """``remote``: like DynamoDB, no transactions; else like SQLite, all or nothing."""

    def __init__(self, table: Table, process: Process, *, remote: bool) -> None:
        self._table, self._process, self.remote = table, process, remote
        self.undoes = not remote
        self._call = process.call

    @contextmanager
    def together(self) -> Iterator[None]:
        process = self._process
        if self.remote or process.in_transaction:
            yield
            return
        with self.transaction():
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """The outermost: begins, commits or rolls back; its answer may be lost."""
        process = self._process
        fate = process.call("store.begin", lambda: process.faults.fate(process, "store.commit"))
        if fate == "fails":
            raise Unavailable("store.begin: throttled")
        process.in_transaction = True
        self._table.begin()
        try:
            yield
            if fate == "dies first":
                process.die("before store.commit")
        except BaseException:
            self._table.roll_back()
            raise
        finally:
            process.in_transaction = False
        self._table.commit()
        if fate == "dies after":
            process.die("after store.commit")
        if fate == "unanswered":
            raise Unavailable("store.commit: no answer")

    def create(self, jobs: Sequence[Job]) -> list[Created]:
        if self.remote:
            return [
                self._call("store.create", self._table.create, [job], self._process.name)[0]
                for job in jobs
            ]
        with self.together():
            return self._call("store.create", self._table.create, jobs, self._process.name)

    def harden(self) -> None:
        try:
            self._call("store.harden", lambda: None)
        except Unavailable as error:
            raise OSError("the disk does not answer") from error

    def get(self, job_id: str) -> Job | None:
        return self._call("store.get", self._table.rows.get, job_id)

    def move(self, job_id: str, move: Move) -> Job | None:
        return self._call("store.move", self._table.move, job_id, move, self._process.name)

    def due(self, *, now: float, limit: int = 100) -> list[Job]:
        return self._call("store.due", self._table.due, now=now, limit=limit)

    def next_due(self) -> float | None:
        return self._call("store.next_due", self._table.next_due)

    def held_by(self, owner: str) -> list[Job]:
        return self._call("store.held_by", self._table.held_by, owner)

    def webhooks_due(self, *, now: float, limit: int = 100) -> list[Job]:
        return self._call("store.webhooks_due", self._table.webhooks_due, now=now, limit=limit)

    def next_webhook_due(self) -> float | None:
        return self._call("store.next_webhook_due", self._table.next_webhook_due)

    def load(self, *, now: float) -> dict[str, Load]:
        return self._call("store.load", self._table.load, now=now)

    def queued(self, worker: str, *, now: float, most: int) -> int:
        return self._call("store.queued", self._table.queued, worker, now=now, most=most)

    def waiting(self) -> dict[str, int]:
        return self._call("store.waiting", self._table.waiting)

    def ahead_of(self, job: Job) -> int:
        return self._call("store.ahead_of", self._table.ahead_of, job)

    def attempts_of(self, job_id: str) -> list[AttemptRecord]:
        found = self._call("store.attempts_of", self._table.attempts.get, job_id)
        return list(found or ())

    def list_jobs(
        self, *, caller: str | None = None, limit: int = 50, webhooks_only: bool = False
    ) -> list[Job]:
        return self._call(
            "store.list_jobs",
            self._table.list_jobs,
            caller=caller,
            limit=limit,
            webhooks_only=webhooks_only,
        )

    def purge(self, *, now: float, limit: int = 500) -> list[Job]:
        return self._call("store.purge", self._table.purge, now=now, limit=limit)


class Entries:
    """What the feed holds."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.by_job: dict[str, list[Entry]] = {}

    def append(self, entries: Sequence[NewEntry]) -> None:
        for job_id, kind, body, at in entries:
            known = self.by_job.setdefault(job_id, [])
            known.append(Entry(len(known) + 1, kind, body, at))
            self._table.undo_with(known.pop)


class SimFeed:
    def __init__(self, entries: Entries, process: Process) -> None:
        self._entries, self._call = entries, process.call

    def append(self, entries: Sequence[NewEntry]) -> None:
        self._call("feed.append", self._entries.append, entries)

    def read(
        self, job_id: str, *, after: int = 0, limit: int = 1000, kind: FeedKind | None = None
    ) -> list[Entry]:
        known = self._call("feed.read", self._entries.by_job.get, job_id) or []
        found = [e for e in known if e.seq > after and (kind is None or e.kind == kind)]
        return found[:limit]


class _Follower:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        self._event.clear()


class SimWatch:
    """The ear of one ingress."""

    def __init__(self) -> None:
        self._followers: dict[str, dict[_Follower, None]] = {}

    @contextlib.asynccontextmanager
    async def job(self, job_id: str) -> AsyncIterator[_Follower]:
        follower = _Follower()
        self._followers.setdefault(job_id, {})[follower] = None
        try:
            yield follower
        finally:
            self._followers[job_id].pop(follower, None)

    def hear(self, job_id: str) -> None:
        for follower in list(self._followers.get(job_id, ())):
            follower.wake()


class SimAnnouncer:
    """Tells every ingress, some time, or never."""

    def __init__(self, process: Process, ears: Callable[[], Sequence[SimWatch]]) -> None:
        self._process, self._ears = process, ears

    def changed(self, job_ids: Sequence[str]) -> None:
        faults, world = self._process.faults, self._process.world
        for ear in self._ears():
            if not ear._followers or faults.happens("lost hints", 0.1):
                continue
            for job_id in sorted(job_ids):
                if job_id in ear._followers:
                    world.after(0.001, lambda ear=ear, one=job_id: ear.hear(one))  # type: ignore[misc]
