"""Everything one turn of a replica writes, in one commit where the store can do that.

Nothing in memory changes here: the caller applies what was written after the commit, so that a
failed turn is simply done again. A write whose outcome is unknown shows as a refusal the second
time; the row then tells who won (reliability, section 2.5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pilotlight.contracts import moves
from pilotlight.contracts.job import HELD
from pilotlight.execution.attempt import Attempt, Stage, Succeeded, move_for

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from pilotlight.contracts.job import Job
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.execution.deadlines import LeaseTimes
    from pilotlight.execution.replica_ports import ReplicaPorts
    from pilotlight.ports.feed import NewEntry
    from pilotlight.ports.fleet import LoadStep
    from pilotlight.ports.fleet import Stage as ReplicaStage
    from pilotlight.ports.queue import Delivery


@dataclass(slots=True, kw_only=True)
class Work:
    """What this turn has to write."""

    ended: list[Attempt] = field(default_factory=list)
    """Each has an outcome."""
    storing: list[Attempt] = field(default_factory=list)
    """The model is done with them; T5 comes before their files are stored."""
    beating: list[Attempt] = field(default_factory=list)
    noting: list[Attempt] = field(default_factory=list)
    """Each has something to keep for later attempts."""
    entries: list[NewEntry] = field(default_factory=list)
    stage: tuple[ReplicaStage, str] | None = None
    """Stage to report, with the error in words."""
    step: LoadStep | None = None
    """What the load has come to."""
    seen: bool = False
    """Say in the roster that this replica is alive."""
    want: int = 0
    """Jobs to lease at most."""
    told: bool = False
    """Somebody said that there are some: a look before the write lock is taken would be wasted."""
    busy: AbstractSet[str] = frozenset()
    """Jobs that are in this replica already: an older attempt of theirs has not stopped."""
    lingering: int = 0
    """Of these, how many may be queued again, and so be offered to us."""
    times: LeaseTimes

    @property
    def due(self) -> bool:
        """Whether there is anything to write but new leases."""
        return bool(
            self.ended
            or self.storing
            or self.beating
            or self.noting
            or self.entries
            or self.seen
            or self.stage is not None
            or self.step is not None
        )


@dataclass(slots=True)
class Written:
    """What the rows say now; None stands for a refused move."""

    times: LeaseTimes
    ended: list[tuple[Attempt, Job | None]] = field(default_factory=list)
    storing: list[tuple[Attempt, Job | None]] = field(default_factory=list)
    beaten: list[tuple[Attempt, Job | None]] = field(default_factory=list)
    noted: list[tuple[Attempt, Job | None]] = field(default_factory=list)
    leased: list[tuple[Job, Delivery]] = field(default_factory=list)
    refused: list[Delivery] = field(default_factory=list)
    retired: bool = False
    received: int = 0


class Ledger:
    """The one place of a replica that moves rows."""

    def __init__(self, replica_id: str, ports: ReplicaPorts) -> None:
        self._replica_id = replica_id
        self._ports = ports
        self._lease = ports.settings.lease

    def write(self, work: Work, *, leasing: bool) -> Written:
        """Write the turn. Raises what the store, queue or feed raise; then nothing counts.

        ``leasing``: this replica is ready, so that its own row decides about leases.
        """
        written = Written(work.times)
        deliveries: list[Delivery] = []
        if not (work.due or work.told):
            # Nothing but the wish for jobs: look first, and take the write lock only for some.
            deliveries = self._received(work)
            written.received = len(deliveries)
            if not deliveries:
                return written
        try:
            with self._ports.store.together():
                self._write_due(work, written)
                if (work.due or work.told) and work.want:
                    deliveries = self._received(work)
                    written.received = len(deliveries)
                if leasing and (deliveries or written.ended):
                    self._lease_all(deliveries, work, written)
        except BaseException:
            for delivery in deliveries:
                self._ports.queue.release(delivery)
            raise
        return written

    def _received(self, work: Work) -> list[Delivery]:
        if not work.want:
            return []
        found = self._ports.queue.receive(limit=work.want + work.lingering)
        taken = [delivery for delivery in found if delivery.job_id not in work.busy]
        for delivery in found:
            if delivery.job_id in work.busy:
                # Its row is ours, or was just handed back and is due: upkeep sends it again.
                self._ports.queue.ack(delivery)
        for delivery in taken[work.want :]:
            self._ports.queue.release(delivery)
        return taken[: work.want]

    def _write_due(self, work: Work, written: Written) -> None:
        now = self._ports.clock.now()
        if work.stage is not None:
            stage, error = work.stage
            self._ports.roster.report(self._replica_id, stage, now=now, error=error)
        elif work.seen:
            written.retired = not self._ports.roster.seen(self._replica_id, now=now)
        if work.step is not None:
            self._ports.roster.stepped(self._replica_id, work.step, now=now)
        if work.entries:
            self._ports.feed.append(work.entries)
        self._write_notes(work, written)
        for attempt in work.ended:
            assert attempt.outcome is not None
            move = move_for(attempt.job, attempt.outcome, now=now)
            written.ended.append((attempt, self._move(attempt, move)))
        for attempt in work.storing:
            move = moves.storing(attempt.job, now=now, **self._terms(self._lease.storing_s))
            written.storing.append((attempt, self._move(attempt, move)))
        for attempt in work.beating:
            lease_s = (
                self._lease.storing_s if attempt.stage is Stage.STORING else attempt.times.lease_s
            )
            terms = self._terms(lease_s)
            move = moves.beat(attempt.job, now=now, progress=attempt.progress, **terms)
            written.beaten.append((attempt, self._move(attempt, move)))

    def _write_notes(self, work: Work, written: Written) -> None:
        """Before any end: the attempt after it has to know."""
        for attempt in work.noting:
            move = moves.note(attempt.job, text=attempt.said)
            written.noted.append((attempt, self._move(attempt, move)))

    def _terms(self, lease_s: float) -> dict[str, float]:
        return {"lease_s": lease_s, "margin_s": self._lease.margin_s}

    def _move(self, attempt: Attempt, move: Move) -> Job | None:
        return self._ports.store.move(attempt.id, move)

    def _lease_all(self, deliveries: list[Delivery], work: Work, written: Written) -> None:
        """Lease inside the same commit in which the replica's row says that it may."""
        now = self._ports.clock.now()
        if not self._ports.roster.may_lease(self._replica_id, now=now, leases=len(deliveries)):
            written.retired = True
            return
        terms = self._terms(work.times.lease_s)
        for delivery in deliveries:
            move = moves.lease(owner=self._replica_id, now=now, **terms)
            job = self._ports.store.move(delivery.job_id, move)
            if job is None:
                written.refused.append(delivery)
            else:
                written.leased.append((job, delivery))

    def settled_by_me(self, attempt: Attempt) -> bool | None:
        """After a refused outcome: whether the row shows that outcome as ours all the same.

        None: the row is still ours and unsettled, so the guard must be met another time.
        """
        row = self._ports.store.get(attempt.id)
        if row is None or row.fence != attempt.job.fence:
            return False
        if row.status in HELD:
            return None
        return row.status.is_terminal and not (
            isinstance(attempt.outcome, Succeeded) and row.output != attempt.outcome.output
        )

    def is_mine(self, attempt: Attempt) -> bool:
        """Whether the row still shows this attempt's lease."""
        row = self._ports.store.get(attempt.id)
        return row is not None and row.fence == attempt.job.fence and row.status in HELD

    def is_over(self, job_id: str) -> bool:
        """Whether the row has ended, or is gone."""
        row = self._ports.store.get(job_id)
        return row is None or row.status.is_terminal

    def exists(self, job_id: str) -> bool:
        return self._ports.store.get(job_id) is not None

    def strays(self, known: AbstractSet[str]) -> list[Job]:
        """Rows that say this replica holds them, though it does not know of it."""
        return [job for job in self._ports.store.held_by(self._replica_id) if job.id not in known]

    def hand_back(self, jobs: list[Job]) -> None:
        with self._ports.store.together():
            for job in jobs:
                self._ports.store.move(job.id, moves.hand_back(job, now=self._ports.clock.now()))
