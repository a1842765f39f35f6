"""The job records in memory: the lifecycle's table interpreted, with the indexes it needs.

Every committed change goes to ``observe`` as it happens; what a transaction undoes does not.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from pilotlight.contracts import lifecycle
from pilotlight.contracts.job import HELD, READY, AttemptRecord, Job
from pilotlight.errors import IllegalTransition
from pilotlight.ports.store import Created, Load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pilotlight.contracts.lifecycle import Move


class Change(NamedTuple):
    """``old`` is None for a birth; ``by`` names the process that asked for it."""

    old: Job | None
    new: Job
    move: Move | None
    by: str


class _Times:
    """Rows by a moment, soonest first; entries that do not hold any more are skipped."""

    def __init__(self, table: Table, column: str) -> None:
        self._rows, self._column = table.rows, column
        self._heap: list[tuple[float, int, str]] = []

    def add(self, moment: float, place: int, job_id: str) -> None:
        heapq.heappush(self._heap, (moment, place, job_id))

    def _holds(self, entry: tuple[float, int, str]) -> bool:
        row = self._rows.get(entry[2])
        return row is not None and getattr(row, self._column) == entry[0]

    def until(self, moment: float, limit: int) -> list[Job]:
        found: list[tuple[float, int, str]] = []
        while self._heap and self._heap[0][0] <= moment and len(found) < limit:
            entry = heapq.heappop(self._heap)
            if self._holds(entry) and (not found or found[-1] != entry):
                found.append(entry)
        for entry in found:
            heapq.heappush(self._heap, entry)
        return [self._rows[entry[2]] for entry in found]

    def first(self) -> float | None:
        while self._heap and not self._holds(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None


class Table:
    def __init__(self, observe: Callable[[Change], None]) -> None:
        self.rows: dict[str, Job] = {}
        self.attempts: dict[str, list[AttemptRecord]] = {}
        self._observe = observe
        self._keys: dict[tuple[str, str], str] = {}
        self._places: dict[str, int] = {}
        self._born = 0
        self._due, self._webhooks = _Times(self, "due_at"), _Times(self, "webhook_due")
        self._ready: dict[str, list[tuple[int, int, str]]] = {}
        self._held: dict[str, dict[str, None]] = {}
        self._running: dict[str, int] = {}
        self.grouped: dict[str, None] = {}
        """Rows of groups, which are few among many."""
        self._undo: list[Callable[[], None]] | None = None
        self._changes: list[Change] = []

    # Transactions

    def begin(self) -> None:
        assert self._undo is None, "a transaction gave way"
        self._undo = []

    def commit(self) -> None:
        self._undo = None
        changes, self._changes = self._changes, []
        for change in changes:
            self._observe(change)

    def roll_back(self) -> None:
        assert self._undo is not None
        undo, self._undo = self._undo, None
        self._changes.clear()
        for step in reversed(undo):
            step()

    @property
    def in_transaction(self) -> bool:
        return self._undo is not None

    def undo_with(self, step: Callable[[], None]) -> None:
        """Other tables of the same database take part in the transaction."""
        if self._undo is not None:
            self._undo.append(step)

    def _changed(self, change: Change) -> None:
        if self._undo is None:
            self._observe(change)
        else:
            self._changes.append(change)

    # Rows

    def create(self, jobs: Sequence[Job], by: str) -> list[Created]:
        return [self._create(job, by) for job in jobs]

    def _create(self, job: Job, by: str) -> Created:
        if job.idempotency_key is not None:
            key = (job.caller, job.idempotency_key)
            if key in self._keys:
                return Created(self.rows[self._keys[key]], existed=True)
            self._keys[key] = job.id
        if job.id in self.rows:
            raise IllegalTransition(f"a job with the id {job.id} exists")
        self._born += 1
        self._places[job.id] = self._born
        self._put(None, job)
        if job.group_id is not None:
            self.grouped[job.id] = None
        self.undo_with(lambda: self._unborn(job))
        self._changed(Change(None, job, None, by))
        return Created(job, existed=False)

    def _unborn(self, job: Job) -> None:
        del self.rows[job.id]
        self.grouped.pop(job.id, None)
        self._keys.pop((job.caller, job.idempotency_key or ""), None)
        self._leave(job, (job.priority, self._places[job.id], job.id))

    def move(self, job_id: str, move: Move, by: str) -> Job | None:
        old = self.rows.get(job_id)
        if old is None:
            return None
        try:
            new = lifecycle.apply(move, old)
        except IllegalTransition:
            return None
        self._put(old, new)
        if move.transition.ends_attempt and old.status in HELD:
            self._record(old, move)
        self.undo_with(lambda: self._put(new, old))
        self._changed(Change(old, new, move, by))
        return new

    def _record(self, old: Job, move: Move) -> None:
        ended_at: Any = move.args.get("now", move.args.get("due_at"))
        error: Any = move.args.get("error")
        record = AttemptRecord(
            old.id, old.fence, old.owner, old.started_at, ended_at, move.transition.name, error
        )
        history = self.attempts.setdefault(old.id, [])
        history.append(record)
        self.undo_with(history.pop)

    def _put(self, old: Job | None, new: Job) -> None:
        place = self._places[new.id]
        self.rows[new.id] = new
        if new.due_at is not None and (old is None or old.due_at != new.due_at):
            self._due.add(new.due_at, place, new.id)
        if new.webhook_due is not None and (old is None or old.webhook_due != new.webhook_due):
            self._webhooks.add(new.webhook_due, place, new.id)
        if old is not None and old.status == new.status and old.owner == new.owner:
            return
        entry = (new.priority, place, new.id)
        if old is not None:
            self._leave(old, entry)
        if new.status in READY:
            insort(self._ready.setdefault(new.worker, []), entry)
        elif new.status in HELD:
            self._held.setdefault(new.owner or "", {})[new.id] = None
            self._running[new.worker] = self._running.get(new.worker, 0) + 1

    def _leave(self, old: Job, entry: tuple[int, int, str]) -> None:
        if old.status in READY:
            ready = self._ready[old.worker]
            del ready[bisect_left(ready, entry)]
        elif old.status in HELD:
            del self._held[old.owner or ""][old.id]
            self._running[old.worker] -= 1

    # Questions

    def due(self, *, now: float, limit: int = 100) -> list[Job]:
        return self._due.until(now, limit)

    def next_due(self) -> float | None:
        return self._due.first()

    def held(self) -> list[Job]:
        """All that some replica holds."""
        return [self.rows[job_id] for held in self._held.values() for job_id in held]

    def webhooks_due(self, *, now: float, limit: int = 100) -> list[Job]:
        return self._webhooks.until(now, limit)

    def next_webhook_due(self) -> float | None:
        return self._webhooks.first()

    def next_ready(self, worker: str, move: Move, limit: int) -> list[str]:
        """Ids of rows that would satisfy this lease, best first."""
        found = []
        for _, _, job_id in self._ready.get(worker, ()):
            if len(found) == limit:
                break
            if lifecycle.allowed(move, self.rows[job_id]):
                found.append(job_id)
        return found

    def held_by(self, owner: str) -> list[Job]:
        return [self.rows[job_id] for job_id in self._held.get(owner, ())]

    def load(self, *, now: float) -> dict[str, Load]:
        loads = {}
        for worker in sorted({*self._ready, *self._running}):
            rows = (self.rows[job_id] for *_, job_id in self._ready.get(worker, ()))
            since = [max(row.created_at, row.not_before) for row in rows if row.not_before <= now]
            running = self._running.get(worker, 0)
            if since or running:
                loads[worker] = Load(len(since), running, min(since, default=None))
        return loads

    def queued(self, worker: str, *, now: float, most: int) -> int:
        rows = (self.rows[job_id] for *_, job_id in self._ready.get(worker, ()))
        return min(most, sum(row.not_before <= now for row in rows))

    def waiting(self) -> dict[str, int]:
        rows = (self.rows[job_id] for ready in self._ready.values() for *_, job_id in ready)
        return dict(Counter(row.caller for row in rows))

    def ahead_of(self, job: Job) -> int:
        entry = (job.priority, self._places[job.id], job.id)
        return bisect_left(self._ready.get(job.worker, []), entry)

    def list_jobs(
        self, *, caller: str | None = None, limit: int = 50, webhooks_only: bool = False
    ) -> list[Job]:
        found = []
        for row in reversed(self.rows.values()):
            if (caller is None or row.caller == caller) and (row.webhook or not webhooks_only):
                found.append(row)
                if len(found) == limit:
                    break
        return found

    def purge(self, *, now: float, limit: int = 500) -> list[Job]:
        gone = [
            row
            for row in self.rows.values()
            if row.forget_at is not None and row.forget_at <= now and row.webhook_due is None
        ][:limit]
        for row in gone:
            del self.rows[row.id]
            self.attempts.pop(row.id, None)
            if row.idempotency_key is not None:
                self._keys.pop((row.caller, row.idempotency_key), None)
        return gone
