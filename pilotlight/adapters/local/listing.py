"""A caller's jobs, a page at a time, as SQL.

A filter that matches nothing would read every row the caller ever made, on the event loop. So one
request looks through a window of the index and says where the next one goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pilotlight.adapters.local.schema import listed
from pilotlight.adapters.local.statements import SELECT_JOB
from pilotlight.contracts.pages import Page, Place, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.contracts.job import Job

    Query = tuple[str, dict[str, Any]]

WINDOW: Final = 5000
"""Rows looked at by one request: some 5 ms."""
_FROM: Final = "FROM job INDEXED BY job_caller WHERE"
_TAG: Final = (
    "EXISTS (SELECT 1 FROM json_each(tags) WHERE json_extract(value, '$[0]') = :key{0} "
    "AND json_extract(value, '$[1]') = :value{0})"
)


class Asked(NamedTuple):
    wanted: Wanted
    caller: str
    after: Place | None


def floor(asked: Asked) -> Query:
    """When the oldest row of the window was made; no row when all that are left fit into it."""
    span, args = _span(asked)
    sql = f"SELECT created_at {_FROM} {span} ORDER BY created_at DESC LIMIT 1 OFFSET :window"
    return sql, {**args, "window": WINDOW - 1}


def rows(asked: Asked, at: float | None, *, limit: int) -> Query:
    """The rows that are wanted, of those made at ``at`` or later."""
    span, args = _span(asked)
    terms = [span, *_terms(asked.wanted)]
    if at is not None:
        terms.append("created_at >= :floor")
    sql = (
        f"SELECT {SELECT_JOB} {_FROM} {' AND '.join(terms)} "
        "ORDER BY created_at DESC, id DESC LIMIT :limit"
    )
    return sql, {**args, **_values(asked.wanted), "floor": at, "limit": limit}


def cut(jobs: list[Job], limit: int, at: float | None) -> Page:
    """The page of what :func:`rows` found when it was asked for one more than ``limit``."""
    if len(jobs) > limit:
        last = jobs[limit - 1]
        return Page(jobs[:limit], Place(last.created_at, last.id))
    # No id comes before the empty one: the next page begins behind everything made at the floor.
    return Page(jobs, None if at is None else Place(at, ""))


def _span(asked: Asked) -> Query:
    wanted, caller, after = asked
    terms, args = ["caller = :caller"], {"caller": caller, "before": wanted.created_before}
    if after is not None:
        terms.append("created_at <= :at AND (created_at < :at OR id < :id)")
        args |= {"at": after.created_at, "id": after.id}
    if wanted.created_from is not None:
        terms.append("created_at >= :from")
    if wanted.created_before is not None:
        terms.append("created_at < :before")
    return " AND ".join(terms), {**args, "from": wanted.created_from}


def _terms(wanted: Wanted) -> Iterator[str]:
    if wanted.statuses:
        yield f"status IN ({listed(wanted.statuses)})"
    if wanted.endpoint is not None:
        yield "endpoint = :endpoint"
    if wanted.worker is not None:
        yield "worker = :worker"
    if wanted.webhooks_only:
        yield "webhook IS NOT NULL"
    yield from (_TAG.format(number) for number in range(len(wanted.tags)))


def _values(wanted: Wanted) -> dict[str, Any]:
    tags: dict[str, Any] = {}
    for number, (key, value) in enumerate(wanted.tags):
        tags |= {f"key{number}": key, f"value{number}": value}
    return {"endpoint": wanted.endpoint, "worker": wanted.worker, **tags}
