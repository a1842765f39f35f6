"""Groups of jobs: their counts, their members, and the ends that a group has not heard of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.group import Tally
    from pilotlight.contracts.job import Job, JobStatus
    from pilotlight.ports.store import Created


class GroupStore(Protocol):
    """Beside the job rows, in the same store. Every method may raise Unavailable."""

    chunk: int
    """Most members that one ``add`` takes."""

    def open(self, head: Job) -> Created:
        """T1 of the head together with its empty tally; an idempotency key as in ``create``."""
        ...

    def add(
        self, tally: Tally, jobs: Sequence[Job], *, cursor: str, sealed: bool = False
    ) -> Tally | None:
        """T1 of these members, the new total and the cursor: all or nothing.

        None when the tally is not as given any more, by its cursor and seal: then whoever was
        first has added them, and nothing is written. ``sealed``: they are the last ones.
        """
        ...

    def seal(self, group_id: str) -> Tally | None:
        """No member may be added from now on. None for a group that is forgotten."""
        ...

    def tally(self, group_id: str) -> Tally | None: ...

    def marks(self, *, now: float, limit: int = 500) -> list[Job]:
        """Rows whose ``group_due`` has passed, oldest first; fewer where their texts are long, and
        ``next_mark`` then says that others are due."""
        ...

    def next_mark(self) -> float | None:
        """When the next row will be due, or None: then no group is open."""
        ...

    def settle(self, group_id: str, ended: Sequence[Job]) -> Tally | None:
        """Count members that are over, and take away their marks, in one write.

        ``ended`` are rows as read; one whose mark is not as it was is left out, because it was
        counted. None for a group that is forgotten: the marks go all the same.
        """
        ...

    def members(
        self, group_id: str, *, after: str = "", limit: int = 100, live: bool = False
    ) -> list[Job]:
        """Members in order of their keys, from behind ``after``; ``live``: those not over. Fewer
        than ``limit`` where their texts are long: the last page is empty.

        A remote store may not show one that was added within the last second.
        """
        ...

    def statuses(self, group_id: str) -> list[tuple[str, JobStatus]]:
        """Every member's key and status, in order of keys: cheap where rows are long.

        A remote store may be a second behind.
        """
        ...
