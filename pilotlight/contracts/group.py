"""A group: several jobs as one, such as a batch, a manifest or the run of an agent.

A group is stood for by a job that no replica runs, its **head**: it waits until its members are
over, and so has what every job has, from the same code: an owner, an idempotency key, a deadline
(T13), a cancel that is one conditional write (T12), one announcement with its intent in the
terminal write, a place in lists, an end after which it is forgotten.

How a member's end and the group's counts agree: the terminal write of a member leaves a mark in
the same row (``group_due``), as it leaves a webhook's intent. The steward takes marks away and
counts them in one transaction, so that each member is counted once, whoever is killed, however
often an end is told; and a job without a group pays for none of it. The count is written, not
derived, because a group may have 50,000 members and DynamoDB cannot count.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from pilotlight.contracts.job import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pilotlight.contracts.job import Job

NO_WORKER: Final = "-"
"""What stands in a head's ``worker``: no worker can be called so, and it waits in no queue."""

MOST_CHARS: Final = 32 * 1024 * 1024
"""Of texts that rows have when they are read together. An output may have 16 million, and
who looks after groups on AWS has 512 MB of memory for all it does."""


def member_id(group_id: str, key: str) -> str:
    """The job's id: the same for whoever adds the member, so that adding it twice is refused."""
    return str(uuid.uuid5(uuid.UUID(group_id), key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What is known of a group's members: how many there are, how many ended and how."""

    group_id: str
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    cursor: str = ""
    """How far the members were added, in the words of the group's kind."""
    sealed: bool = False
    """No member comes any more."""

    @property
    def ended(self) -> int:
        return self.succeeded + self.failed + self.cancelled + self.expired

    @property
    def is_over(self) -> bool:
        return self.sealed and self.ended == self.total


def counted(ended: Sequence[Job]) -> dict[str, int]:
    """How many ended how, by the name of a tally's column."""
    counts = dict.fromkeys((JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED), 0)
    counts[JobStatus.EXPIRED] = 0
    for job in ended:
        counts[job.status] += 1
    return {str(status): count for status, count in counts.items()}


def portion(rows: Iterable[Job], limit: int) -> list[Job]:
    """The first of them: ``limit`` at most, and no more than memory has room for; one at least."""
    found: list[Job] = []
    size = 0
    for row in islice(rows, limit):
        found.append(row)
        size += _length(row)
        if size >= MOST_CHARS:
            break
    return found


def is_cut(rows: Sequence[Job], limit: int) -> bool:
    """Whether there may be more than this portion."""
    return len(rows) == limit or sum(map(_length, rows)) >= MOST_CHARS


def _length(row: Job) -> int:
    return len(row.input) + len(row.output or "")
