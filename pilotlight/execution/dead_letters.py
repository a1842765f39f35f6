"""Messages that the queue gave up on: the row decides what becomes of each.

A message is a pointer, so dropping it loses nothing while the row is in order. What it shows is
that six receivers in a row did not get as far as settling it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pilotlight.contracts import moves
from pilotlight.contracts.job import HELD, READY, JobError
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.contracts.job import Job
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.ports.feed import Announcer
    from pilotlight.ports.queue import DeadLetter, DeadLetters
    from pilotlight.ports.store import JobStore

_BATCH: Final = 10
_MAX_BATCHES: Final = 10
"""One call looks at a hundred letters at most; the rest is there at the next."""


def _nothing(_job: Job) -> None:
    """Nothing was begun elsewhere."""


Fate = Literal["over", "held", "again", "failed", "orphan", "unreadable", "young"]
"""``over``: the job is finished. ``held``: a replica has it. ``again``: due now. ``failed``: it
had no attempt left. ``orphan``: no row. ``young``: no row yet, so it is left for the next look."""


def is_spent(job: Job) -> bool:
    """No replica may lease it any more."""
    return job.attempts >= job.max_attempts or job.losses >= job.max_losses


def decide(job: Job, *, now: float) -> tuple[Fate, Move | None]:
    """What a dead letter says about its row, and what is done to the row."""
    if job.status in HELD:
        return "held", None  # its lease ends, or is taken back, without any message
    if job.status not in READY:
        return "over", None
    if is_spent(job):
        words = f"given up after {job.attempts} attempts and {job.losses} lost leases"
        return "failed", moves.give_up(job, now=now, error=JobError("dead_letter", words, 503))
    return "again", moves.queued(job, due_at=now)


@dataclass(frozen=True, slots=True)
class Undertaker:
    """Call it each minute: it reads the letters, moves their rows and drops what is settled."""

    letters: DeadLetters
    store: JobStore
    announcer: Announcer
    orphan_s: float
    """A letter without a row is forgotten when it is older than this."""
    let_go: Callable[[Job], object] = _nothing
    """Told of a job that ended here and left a note."""

    def __call__(self, now: float) -> dict[Fate, int]:
        """How many met which fate. Raises Unavailable; what was not dropped comes again."""
        told: dict[Fate, int] = {}
        for _ in range(_MAX_BATCHES):
            found = self.letters.receive(limit=_BATCH)
            for letter in found:
                fate = self._bury(letter, now)
                told[fate] = told.get(fate, 0) + 1
            if not found:
                break
        return told

    def _bury(self, letter: DeadLetter, now: float) -> Fate:
        fate = self._fate(letter, now)
        if fate != "young":
            logs.event(
                "audit.dead_letter",
                level=logging.WARNING,
                fate=fate,
                job_id=letter.job_id,
                sent_at=letter.sent_at,
                receives=letter.receives,
            )
            self.letters.drop(letter)
        return fate

    def _fate(self, letter: DeadLetter, now: float) -> Fate:
        if letter.job_id is None:
            return "unreadable"
        job = self.store.get(letter.job_id)
        if job is None:
            return "orphan" if now - letter.sent_at > self.orphan_s else "young"
        fate, move = decide(job, now=now)
        after = None if move is None else self.store.move(job.id, move)
        if after is not None:
            self.announcer.changed([job.id])
            if after.status.is_terminal and after.note is not None:
                self.let_go(after)
        return fate  # a refused move: the row has moved on, so nothing is owed to it
