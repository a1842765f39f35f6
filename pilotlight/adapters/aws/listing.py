"""A caller's jobs, a page at a time, from the index of callers.

The index knows when a job was made and whether it has a webhook; all else is read from the rows.
So one request reads so many rows and no more, and says where the next one goes on.
"""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from pilotlight.adapters.aws.queries import BATCH, Range
from pilotlight.adapters.aws.rows import born, job_of
from pilotlight.adapters.aws.tables import CALLER
from pilotlight.contracts.pages import Page, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.adapters.aws.queries import Found, Queries
    from pilotlight.adapters.aws.texts import LongTexts
    from pilotlight.contracts.job import Job
    from pilotlight.contracts.pages import Wanted

_MOST_BATCHES: Final = 5
"""A row costs a read of its size, and 500 rows some tenths of a second."""
_TICK_S: Final = 1e-6
"""The index is as exact as this; who is at the edge is decided by the row."""


def page(
    queries: Queries,
    texts: LongTexts,
    wanted: Wanted,
    *,
    caller: str,
    after: Place | None,
    limit: int,
) -> Page:
    size = min(limit + 1, BATCH) if wanted.any_in_span else BATCH
    entries = _entries(queries, wanted, caller=caller, after=after, size=size)
    jobs: list[Job] = []
    batch: list[Found] = []
    for _ in range(_MOST_BATCHES):
        batch = list(islice(entries, size))
        rows = (job_of(item, texts) for item in queries.rows(_worth(batch, wanted)))
        jobs += [job for job in rows if wanted.takes(job)]
        if len(jobs) > limit:
            last = jobs[limit - 1]
            return Page(jobs[:limit], Place(last.created_at, last.id))
        if len(batch) < size:
            return Page(jobs, None)
    made, _, job_id = batch[-1].sort.partition("#")
    return Page(jobs, Place(float(made), job_id))


def _entries(
    queries: Queries, wanted: Wanted, *, caller: str, after: Place | None, size: int
) -> Iterator[Found]:
    bounds = []
    if after is not None:
        bounds.append(born(*after))
    if wanted.created_before is not None:
        bounds.append(born(wanted.created_before + _TICK_S))
    bound = {"S": min(bounds)} if bounds else None
    found = queries.walk(Range(CALLER, caller, "<", bound), newest=True, page=size)
    if wanted.created_from is None:
        return found
    oldest = born(wanted.created_from - _TICK_S)
    return takewhile(lambda entry: entry.sort >= oldest, found)


def _worth(batch: list[Found], wanted: Wanted) -> list[Found]:
    """Those whose rows are worth reading."""
    return [one for one in batch if "webhook" in one.item or not wanted.webhooks_only]
