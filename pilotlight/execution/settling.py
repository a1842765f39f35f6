"""After the commit: make memory agree with the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.execution.attempt import HandedBack
from pilotlight.observability import logs

if TYPE_CHECKING:
    from pilotlight.contracts.job import Job
    from pilotlight.execution.attempt import Attempt
    from pilotlight.execution.ledger import Ledger, Written
    from pilotlight.execution.replica_ports import ReplicaPorts
    from pilotlight.execution.slots import Slots

_MAX_TRIES: Final = 20


def apply(
    written: Written, slots: Slots, ledger: Ledger, ports: ReplicaPorts, *, now: float
) -> set[str]:
    """The ids of the jobs that followers should look at. Raises what reading a row raises.

    May be called again for rows it has not reached: an outcome stays until it is settled.
    """
    changed: set[str] = set()
    for job, delivery in written.leased:
        slots.take(job, delivery, times=written.times, now=now)
        changed.add(job.id)
    _note_all(written, slots, ledger, ports)
    for attempt, row in written.beaten:
        _kept(attempt, row, slots, ledger, now=now)
        changed.add(attempt.id)
    for attempt, row in written.storing:
        if _kept(attempt, row, slots, ledger, now=now):
            slots.store(attempt, now)
        changed.add(attempt.id)
    for attempt, row in written.ended:
        if _settled(attempt, row, slots, ledger):
            changed.add(attempt.id)
            back = isinstance(attempt.outcome, HandedBack)
            (ports.release if back else ports.ack)(attempt.delivery)
    _forget_refused(written, ledger, ports)
    _extend(written, ports)
    return changed


def _forget_refused(written: Written, ledger: Ledger, ports: ReplicaPorts) -> None:
    """The row has moved on, or upkeep sends it again in time; without one the redrive decides."""
    for delivery in written.refused:
        known = ledger.exists(delivery.job_id)
        (ports.ack if known else ports.release)(delivery)


def _kept(attempt: Attempt, row: Job | None, slots: Slots, ledger: Ledger, *, now: float) -> bool:
    """Whether the lease is still ours after a beat; an attempt that lost it is stopped."""
    if attempt.over:
        return False
    if row is None and not ledger.is_mine(attempt):
        ended = ledger.is_over(attempt.id)
        slots.forsake(attempt, why="its row moved on", ended=ended)
        return False
    if row is not None:
        attempt.job, attempt.held_at = row, now
    slots.set_beat(attempt, now)
    return True


def _note_all(written: Written, slots: Slots, ledger: Ledger, ports: ReplicaPorts) -> None:
    if any(row is not None for _, row in written.noted):
        ports.store.harden()  # what a note speaks of may have been paid for
    for attempt, row in written.noted:
        _noted(attempt, row, slots, ledger)


def _noted(attempt: Attempt, row: Job | None, slots: Slots, ledger: Ledger) -> None:
    if row is not None:
        attempt.job = row
        slots.noted(attempt)
    elif not attempt.over and not ledger.is_mine(attempt):
        ended = ledger.is_over(attempt.id)
        slots.forsake(attempt, why="its row moved on", ended=ended)


def _settled(attempt: Attempt, row: Job | None, slots: Slots, ledger: Ledger) -> bool:
    mine = True if row is not None else ledger.settled_by_me(attempt)
    if mine is None:
        attempt.tries += 1
        if attempt.tries < _MAX_TRIES:
            return False
    if not mine:
        slots.forsake(attempt, why="its row moved on before it ended")
        return False
    slots.settled(attempt)
    return True


def _extend(written: Written, ports: ReplicaPorts) -> None:
    """The row's lease first, then the message's: a redelivery then finds the lease alive."""
    kept = [a.delivery for a, _ in (*written.beaten, *written.storing) if not a.over]
    if kept:
        seconds = ports.settings.lease.lease_s
        try:
            ports.queue.extend(kept, seconds=seconds)
        except Exception:  # noqa: BLE001 - a port may fail in its vendor's own words
            logs.failure("queue.extend_failed")
