"""Rows whose time has come: expire, send again, or take back from a replica that went silent.

Safe to run in several places at once: every decision ends in a conditional write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import lifecycle, moves
from pilotlight.contracts.group import is_cut
from pilotlight.contracts.job import HELD, READY, JobStatus
from pilotlight.contracts.message import JobMessage
from pilotlight.contracts.retries import TIMEOUT, Retries
from pilotlight.errors import Unavailable
from pilotlight.execution.jumps import Jumps
from pilotlight.observability import logs, trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.contracts.job import Job
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.feed import Announcer
    from pilotlight.ports.queue import QueueSender
    from pilotlight.ports.store import JobStore
    from pilotlight.settings import Settings

_BATCH: Final = 100
_MAX_BATCHES: Final = 20
"""One call looks at 2,000 rows at most, so that it cannot starve the other upkeep."""


_MOST_AWAY: Final = 3
"""Each try of a queue that does not answer takes seconds."""


@dataclass(frozen=True, slots=True)
class Reaped:
    """What one call did, by count."""

    expired: int = 0
    resent: int = 0
    returned: int = 0
    """Leases lost, jobs back in the queue."""
    poisoned: int = 0
    """Jobs failed because they lost one lease too many."""
    timed_out: int = 0

    def __add__(self, other: Reaped) -> Reaped:
        return Reaped(
            self.expired + other.expired,
            self.resent + other.resent,
            self.returned + other.returned,
            self.poisoned + other.poisoned,
            self.timed_out + other.timed_out,
        )


_COUNTED: Final = {  # by name: a transition holds mappings and does not hash
    lifecycle.T13.name: Reaped(expired=1),
    lifecycle.T2.name: Reaped(resent=1),
    lifecycle.T10.name: Reaped(returned=1),
    lifecycle.T11.name: Reaped(poisoned=1),
    lifecycle.T14.name: Reaped(timed_out=1),
}


def _may_outrun(job: Job) -> bool:
    """Whether somebody asked for another attempt after a timeout; the loss is counted."""
    asked = Retries.read(job.retries).of(TIMEOUT) if job.retries else None
    return asked is not None and job.attempts <= asked


def _taken_back(job: Job, *, now: float) -> Move:
    """A job whose files were on their way had run in time: its model was done. One whose lease was
    over before its time was up did not outrun it: its replica was gone, and so, since, were we.
    """
    late = job.run_by is not None and job.run_by <= min(now, job.lease_until or now)
    if late and job.status is JobStatus.RUNNING and not _may_outrun(job):
        return moves.time_out(job, now=now)
    return moves.lost(job, now=now)


def decide(job: Job, *, now: float, margin_s: float, resend_s: float | None) -> Move | None:
    """What upkeep does to a due row; None leaves it alone.

    ``resend_s`` None: the row itself is the queue, so its message cannot be lost.
    """
    if job.status in HELD:
        silent = job.lease_until is not None and job.lease_until + margin_s <= now
        return _taken_back(job, now=now) if silent else None
    if job.status not in READY and job.status is not JobStatus.WAITING:
        return None
    if job.start_by <= now:
        return moves.expire(job, now=now)
    if job.status is JobStatus.WAITING:
        return None
    again = job.start_by if resend_s is None else min(job.start_by, now + resend_s)
    return moves.queued(job, due_at=again)


def _nothing(_job: Job) -> None:
    """Nothing was begun elsewhere."""


@dataclass(slots=True)
class Reaper:
    """Call it every few seconds, or when ``store.next_due()`` says so. One thread."""

    store: JobStore
    sender: QueueSender
    announcer: Announcer
    clock: Clock
    settings: Settings
    let_go: Callable[[Job], object] = _nothing
    """Told of a job that ended here and left a note."""
    _jumps: Jumps = field(init=False)

    def __post_init__(self) -> None:
        self._jumps = Jumps(self.clock, patience_s=self.settings.lease.lease_s)

    def __call__(self, now: float | None = None) -> Reaped:
        """Handle every row that is due."""
        at = self.clock.now() if now is None else now
        resend_s = None if self.sender.rides_on_store else self.settings.job.resend_s
        margin_s = self.settings.lease.margin_s
        # Elsewhere the replicas are on other machines, and this one may be a Lambda that is
        # frozen between two minutes.
        spares = not self.store.remote and self._jumps.look()
        done = Reaped()
        for _ in range(_MAX_BATCHES):
            rows = self.store.due(now=at, limit=_BATCH)
            wanted = [
                (job, decide(job, now=at, margin_s=margin_s, resend_s=resend_s)) for job in rows
            ]
            batch = self._perform(
                [
                    (job, move)
                    for job, move in wanted
                    if move is not None and not (spares and job.status in HELD)
                ]
            )
            done += batch
            if batch == Reaped() or not is_cut(rows, _BATCH):
                break
        return done

    def reap_owner(self, owner: str) -> Reaped:
        """The process of this replica is seen dead: take its jobs back without waiting."""
        now = self.clock.now()
        held = self.store.held_by(owner)
        return self._perform([(job, _taken_back(job, now=now)) for job in held])

    def _perform(self, wanted: list[tuple[Job, Move]]) -> Reaped:
        moved: list[tuple[Move, Job]] = []
        if wanted:
            with self.store.together():
                for job, move in wanted:
                    after = self.store.move(job.id, move)
                    if after is not None:
                        moved.append((move, after))
        done = Reaped()
        for move, job in moved:
            done += _COUNTED[move.transition.name]
            name = move.transition.name
            found = trace.of(job.id, job.trace)
            logs.event("job.reaped", transition=name, job_id=job.id, worker=job.worker, trace=found)
            if job.status.is_terminal and job.note is not None:
                self.let_go(job)
        if moved:
            self.announcer.changed([job.id for _, job in moved])
        self._send([job for _, job in moved if job.status is JobStatus.QUEUED])
        return done

    def _send(self, jobs: list[Job]) -> None:
        """Last, because it may fail: the rows stay due, so what is not sent is sent later.

        One worker's queue may be gone, with jobs that nobody deploys a worker for any more: the
        others' are sent all the same. Where several fail it is the whole service that is away.
        """
        away: set[str] = set()
        for job in jobs:
            if job.worker in away:
                continue
            try:
                self.sender.send(JobMessage(job_id=job.id, worker=job.worker, caller=job.caller))
            except Unavailable as error:
                logs.event("queue.unavailable", job_id=job.id, error=str(error))
                away.add(job.worker)
                if len(away) == _MOST_AWAY:
                    return
