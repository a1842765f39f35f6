"""One try at a job, as the parent sees it, and the ways it can end."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import moves
from pilotlight.contracts.retries import Retries
from pilotlight.errors import OutOfMemory

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.contracts.job import Job, JobError
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.execution.deadlines import LeaseTimes
    from pilotlight.ports.queue import Delivery


class Stage(enum.Enum):
    FETCHING = enum.auto()
    """Its input files are being brought here."""
    WAITING = enum.auto()
    """Everything is here; the child is not ready."""
    RUNNING = enum.auto()
    STORING = enum.auto()
    """The model is done; the files go to the blob store."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    output: str
    artifacts: str = "[]"
    keys: tuple[str, ...] = ()
    """Blobs stored for it: deleted again when the row refuses the result."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    delay_s: float
    error: JobError


@dataclass(frozen=True, slots=True)
class GaveUp:
    error: JobError


@dataclass(frozen=True, slots=True)
class HandedBack:
    """Through no fault of the job: the attempt is not counted."""


@dataclass(frozen=True, slots=True)
class OutOfTime:
    """It outran its run timeout."""


Outcome = Succeeded | TryAgain | GaveUp | HandedBack | OutOfTime

HANDED_BACK: Final = HandedBack()
OUT_OF_TIME: Final = OutOfTime()


def move_for(job: Job, outcome: Outcome, *, now: float) -> Move:
    """The one write that ends an attempt."""
    match outcome:
        case Succeeded(output=output, artifacts=artifacts):
            return moves.succeed(job, now=now, output=output, artifacts=artifacts)
        case TryAgain(delay_s=delay_s, error=error):
            return moves.retry(job, not_before=now + delay_s, error=error)
        case GaveUp(error=error):
            return moves.fail(job, now=now, error=error)
        case HandedBack():
            return moves.hand_back(job, now=now)
        case OutOfTime():
            # By the replica's own count: a wall clock that was set back must not say otherwise.
            return moves.time_out(job, now=max(now, job.run_by or now))


@dataclass(slots=True, eq=False)
class Attempt:
    """Times ending in ``_at`` are monotonic seconds."""

    job: Job
    """The row as this replica last wrote it."""
    delivery: Delivery
    folder: Path
    times: LeaseTimes
    held_at: float
    """Start of the last write that kept the lease: self-fencing counts from here."""
    beat_at: float
    began_at: float
    """Its run time counts from here: the row's ``run_by`` is a wall clock's, which may jump."""
    stage: Stage = Stage.FETCHING
    files: dict[str, str] = field(default_factory=dict)
    progress: float = 0.0
    result: str | None = None
    """Output as the child gave it, while its files are stored."""
    run_at: float | None = None
    """The child was told to run it."""
    store_at: float | None = None
    outcome: Outcome | None = None
    """How it ended, until the row says so too."""
    tries: int = 0
    """Writes of the outcome that failed for another reason than an unreachable store."""
    over: bool = False
    """Settled, or no longer ours: nothing is written for it any more."""
    in_child: bool = False
    in_background: bool = False
    died: bool = False
    """Its child died of it, or under it: nobody there can end what the job began elsewhere."""
    ended: bool = False
    """With ``over``: the job itself has ended, here or elsewhere."""
    checkpoint: str = ""
    """Local path of what an earlier attempt saved."""
    has_checkpoint: bool = False
    """The blob store holds one, as far as is known here."""
    saving: bool = False
    """A checkpoint is on its way to the blob store."""
    said: str | None = None
    """A note that the child wants kept and that is not in the row yet."""
    stop_at: float | None = None
    """The child is killed if it still runs it then."""

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def run_until(self) -> float:
        return self.began_at + self.job.run_timeout_s

    @property
    def takes_slot(self) -> bool:
        return self.in_child or (self.may_end and self.stage is not Stage.STORING)

    @property
    def gone(self) -> bool:
        """Nothing refers to it any more."""
        return self.over and not (self.in_child or self.in_background or self.saving)

    @property
    def may_end(self) -> bool:
        """Whether its fate is still open."""
        return not self.over and self.outcome is None

    @property
    def retries(self) -> Retries | None:
        """What the caller or the worker said about trying again."""
        return Retries.read(self.job.retries) if self.job.retries else None

    @property
    def low_memory(self) -> bool:
        """The attempt before ran out of memory: the row keeps that attempt's error."""
        return f'"code":"{OutOfMemory.code}"' in (self.job.error or "")
