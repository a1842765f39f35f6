"""A caller's jobs, a page at a time: which ones, from where on, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pilotlight.contracts import tags as tagging

if TYPE_CHECKING:
    from pilotlight.contracts.job import Job, JobStatus
    from pilotlight.contracts.tags import Tag


class Place(NamedTuple):
    """Where a page ended. Jobs are listed newest first, by when they were made, then by id."""

    created_at: float
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which jobs; what is not said may be anything."""

    statuses: frozenset[JobStatus] = frozenset()
    endpoint: str | None = None
    worker: str | None = None
    created_from: float | None = None
    """Made then or later."""
    created_before: float | None = None
    tags: tuple[Tag, ...] = ()
    """All of them."""
    webhooks_only: bool = False

    @property
    def any_in_span(self) -> bool:
        """Whether nothing is asked but when they were made."""
        asked = (self.statuses, self.endpoint, self.worker, self.tags, self.webhooks_only)
        return not any(asked)

    def takes(self, job: Job) -> bool:
        return (
            (not self.statuses or job.status in self.statuses)
            and self.endpoint in (None, job.endpoint)
            and self.worker in (None, job.worker)
            and (self.created_from is None or job.created_at >= self.created_from)
            and (self.created_before is None or job.created_at < self.created_before)
            and (not self.webhooks_only or job.webhook is not None)
            and tagging.carries(job.tags, self.tags)
        )


@dataclass(frozen=True, slots=True)
class Page:
    jobs: list[Job]
    end: Place | None
    """Where to read on; None when there are no more.

    One request looks at so many rows and no more, so that a page may hold fewer jobs than were
    asked for, even none, though there are more.
    """
