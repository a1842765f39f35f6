"""Looks after groups: counts members that have ended, adds further ones, ends the group.

Everything it does follows from rows and may be done again: it may be killed at any instruction
and run in several processes at once. Ends reach it as marks in the rows (``group_due``), which it
takes away only in the write that counts them; a group that is not done keeps a mark on its head,
so that it is looked at again whatever was forgotten.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import moves
from pilotlight.contracts.job import JobError, JobStatus
from pilotlight.intake.groups.kind import Result
from pilotlight.intake.groups.opening import PREFIX
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pilotlight.contracts.group import Tally
    from pilotlight.contracts.job import Job
    from pilotlight.intake.groups.kind import Kind
    from pilotlight.intake.groups.waking import Waker
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.feed import Announcer
    from pilotlight.ports.groups import GroupStore
    from pilotlight.ports.queue import QueueSender
    from pilotlight.ports.store import JobStore

BATCH: Final = 500
"""Marks of one look."""
MOST_OPEN: Final = 2000
"""Members of a group that are not over: more are added when some are. It bounds the queue, and
what a cancel has to walk through."""
LOOK_S: Final = 5.0
"""How long after a crash a group may lie untouched; 60 where every look costs requests."""
_LEAVING_S: Final = 1.0
"""Between two looks at a group that is over and whose members are not."""
_LONGEST_REST_S: Final = 60.0
"""A group that cannot be looked after is tried again after 1, 2, 4 ... seconds."""


@dataclass(slots=True, kw_only=True)
class Steward:
    """Call it from one thread. ``look_s``: between two looks at a group where nothing ends."""

    store: JobStore
    groups: GroupStore
    queue: QueueSender
    announcer: Announcer
    waker: Waker
    clock: Clock
    kinds: Mapping[str, Kind]
    look_s: float = LOOK_S
    ending_s: float = 0.0
    """Where other processes look after groups too, they leave one that is being ended alone for so
    long: what 50,000 lines came to is minutes of reading and writing."""
    let_go: Callable[[Job], object] | None = None
    """Told of a cancelled member that left a note."""
    lit: threading.Event = field(default_factory=threading.Event)
    """Set when there may be something to do before the moment that the last look named."""
    busy: bool = True
    """Whether any group was open when it looked last: ends of jobs concern nobody else."""
    _failures: dict[str, int] = field(default_factory=dict)

    def kick(self) -> None:
        """Look now. From any thread."""
        self.busy = True
        self.lit.set()

    def __call__(self, now: float) -> float | None:
        """Do what is due; when to be called again, or None while no group is open."""
        self.lit.clear()
        marked: dict[str, list[Job]] = {}
        for row in self.groups.marks(now=now, limit=BATCH):
            marked.setdefault(row.group_id or row.id, []).append(row)
        for group_id, rows in marked.items():
            try:
                self._tend(group_id, rows, now)
                self._failures.pop(group_id, None)
            except Exception:  # noqa: BLE001 - one group's trouble must not stop the others
                logs.failure("group.failed", job_id=group_id)
                self._let_rest(group_id, rows, now)
        next_mark = self.groups.next_mark()
        if next_mark is None and not self.lit.is_set():
            self.busy = False
        return next_mark

    def _let_rest(self, group_id: str, rows: Sequence[Job], now: float) -> None:
        count = self._failures[group_id] = self._failures.get(group_id, 0) + 1
        rest_s = min(_LONGEST_REST_S, 2.0 ** (count - 1))
        with self.store.together():
            for row in rows:
                self.store.move(row.id, moves.heard(row, again_at=now + rest_s))

    def _tend(self, group_id: str, rows: Sequence[Job], now: float) -> None:
        ended = [row for row in rows if row.id != group_id]
        head = self.store.get(group_id)
        if head is None:
            self.groups.settle(group_id, ended)
            return
        kind = self.kinds[head.endpoint.removeprefix(PREFIX)]
        if head.status is JobStatus.WAITING:
            # Without ends too: whoever added the last members may not have lived to start others.
            kind.advance(head, ended)
        tally = self.groups.settle(group_id, ended)
        if tally is None:
            return
        if head.status is JobStatus.WAITING:
            tally = self._fed(head, kind, tally)
            if tally.is_over:
                own = self._kept(head)
                if own is None:
                    return
                head = self._ended(own, kind, tally)
        else:
            tally = self._leave(head, tally)
        self._mark(head, kind, tally, now)

    def _fed(self, head: Job, kind: Kind, tally: Tally) -> Tally:
        """With as many members as may be open."""
        while not tally.sealed and tally.total - tally.ended < MOST_OPEN:
            chunk = kind.more(head, tally, limit=self.groups.chunk)
            if chunk is None:
                break
            after = self.groups.add(tally, chunk.jobs, cursor=chunk.cursor, sealed=chunk.last)
            if after is None:  # another steward was first
                return self.groups.tally(head.id) or tally
            tally = after
            self.waker(chunk.jobs)
            kind.advance(head, ())
        return tally

    def _kept(self, head: Job) -> Job | None:
        """The group, for us alone for a while; None when another steward was first."""
        if not self.ending_s or head.group_due is None:
            return head
        again_at = self.clock.now() + self.ending_s
        return self.store.move(head.id, moves.heard(head, again_at=again_at))

    def _ended(self, head: Job, kind: Kind, tally: Tally) -> Job:
        """The group after its end, by this call or by whoever was first."""
        result, now = kind.finish(head, tally), self.clock.now()
        if isinstance(result, Result):
            move = moves.complete(head, now=now, output=result.output, artifacts=result.artifacts)
        else:
            move = moves.refuse(head, now=now, error=result)
        after = self.store.move(head.id, move)
        if after is not None:
            self.announcer.changed([head.id])
            logs.event("group.ended", job_id=head.id, status=str(after.status), total=tally.total)
        return after or self.store.get(head.id) or head

    def _leave(self, head: Job, tally: Tally) -> Tally:
        """A cancel, an expiry and a failure reach every member that is not over."""
        if not tally.sealed:
            tally = self.groups.seal(head.id) or tally
        after = ""
        while tally.ended < tally.total:
            page = self.groups.members(head.id, after=after, limit=BATCH, live=True)
            if not page:
                break
            self._cancel(head, page)
            after = page[-1].member or ""
        return tally

    def _cancel(self, head: Job, members: Sequence[Job]) -> None:
        why, now = _reason(head), self.clock.now()
        with self.store.together():
            moved = [
                self.store.move(job.id, moves.cancel(job, now=now, why=why)) for job in members
            ]
        gone = [job for job in moved if job is not None]
        for job in gone:
            if job.owner is not None:
                self.queue.poke(job.worker, job.id)
            if job.note is not None and self.let_go is not None:
                self.let_go(job)
        if gone:
            self.announcer.changed([job.id for job in gone])

    def _mark(self, head: Job, kind: Kind, tally: Tally, now: float) -> None:
        """Look again, unless all is done."""
        over = head.status.is_terminal and tally.is_over
        if over and head.status in (JobStatus.CANCELLED, JobStatus.EXPIRED):
            kind.wind_up(head, tally)
        if head.group_due is not None and (over or head.group_due <= now):
            soon = _LEAVING_S if head.status.is_terminal else self.look_s
            self.store.move(head.id, moves.heard(head, again_at=None if over else now + soon))


def _reason(head: Job) -> JobError:
    if head.status is JobStatus.CANCELLED:
        return JobError("cancelled", "the caller cancelled the whole group", 499)
    if head.status is JobStatus.EXPIRED:
        return JobError("group_expired", "its group was not done in time", 504)
    return JobError("group_failed", "its group failed", 424)
