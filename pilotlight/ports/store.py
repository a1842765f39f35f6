"""The job records. One row per job, moved only by :class:`~pilotlight.contracts.lifecycle.Move`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from pilotlight.contracts.job import AttemptRecord, Job
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.contracts.pages import Page, Place, Wanted


MOST_AHEAD: Final = 10_000


@dataclass(frozen=True, slots=True)
class Created:
    """Outcome of T1. ``existed``: the idempotency key was known, ``job`` is the first one."""

    job: Job
    existed: bool


@dataclass(frozen=True, slots=True)
class Load:
    """What one worker has to do now."""

    queued: int = 0
    """A replica could lease them now: a retry whose backoff is not over does not count."""
    running: int = 0
    oldest_queued_at: float | None = None
    """Since when the first of them could have been leased."""


class JobStore(Protocol):
    """Durable rows with conditional writes.

    Every method is synchronous. ``remote`` says whether a call crosses a network: async callers
    then go through a thread; a local store answers in microseconds and is called in place.
    """

    remote: bool
    undoes: bool
    """Whether an exception inside ``together`` takes back what was written there."""

    def create(self, jobs: Sequence[Job]) -> list[Created]:
        """T1 for each row as given, with its idempotency record, all or nothing per row.

        Two jobs of one caller with the same ``idempotency_key`` give the first one back,
        whatever its body: the caller of this compares ``body_sha256``.
        """
        ...

    def harden(self) -> None:
        """Return once everything written so far survives a power cut."""
        ...

    def get(self, job_id: str) -> Job | None: ...

    def move(self, job_id: str, move: Move) -> Job | None:
        """Perform the move if status and guards allow it; return the new row, else None.

        A transition that ends an attempt appends an AttemptRecord in the same write.
        """
        ...

    def together(self) -> AbstractContextManager[None]:
        """Writes inside may share one commit. An exception undoes all of them, or none.

        Which of the two, ``undoes`` tells. So a caller must be able to do the whole again.
        """
        ...

    def due(self, *, now: float, limit: int = 100) -> list[Job]:
        """Rows whose ``due_at`` has passed, oldest first; fewer where their texts are long."""
        ...

    def next_due(self) -> float | None:
        """When the next row will be due, or None."""
        ...

    def held_by(self, owner: str) -> list[Job]:
        """Rows that this replica holds."""
        ...

    def webhooks_due(self, *, now: float, limit: int = 100) -> list[Job]:
        """Terminal rows whose webhook has to be posted, oldest first."""
        ...

    def next_webhook_due(self) -> float | None: ...

    def load(self, *, now: float) -> dict[str, Load]:
        """Per worker that has any: jobs that wait and jobs that run."""
        ...

    def queued(self, worker: str, *, now: float, most: int) -> int:
        """How many jobs of this worker a replica could lease now; counts no further than ``most``.

        What :meth:`load` says of all workers, for one: the way in asks this at every submit.
        """
        ...

    def waiting(self) -> dict[str, int]:
        """Per caller that has any: jobs that wait, those of a backoff included."""
        ...

    def ahead_of(self, job: Job) -> int:
        """How many jobs of the same worker wait before this one; 0 for the next.

        Counts no further than MOST_AHEAD: a poll must stay cheap when the queue is long.
        """
        ...

    def attempts_of(self, job_id: str) -> list[AttemptRecord]:
        """The job's history, oldest first."""
        ...

    def list_jobs(
        self, *, caller: str | None = None, limit: int = 50, webhooks_only: bool = False
    ) -> list[Job]:
        """Newest first; of every caller when None."""
        ...

    def page(
        self, wanted: Wanted, *, caller: str, after: Place | None = None, limit: int = 50
    ) -> Page:
        """One caller's jobs, newest first, those behind ``after``: ``limit`` of them at most.

        Looks at some thousands of rows at most, whatever is wanted.
        """
        ...

    def every(self) -> Iterator[Job]:
        """All rows, newest first, a page at a time; those that come meanwhile may be left out."""
        ...

    def purge(self, *, now: float, limit: int = 500) -> list[Job]:
        """Forget terminal rows whose ``forget_at`` has passed, with feed and history.

        A row with a pending webhook stays. Returns what was forgotten, so that the caller can
        delete its files: fewer where their texts are long.
        """
        ...
