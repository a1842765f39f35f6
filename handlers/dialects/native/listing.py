"""Which jobs a list wants: its query, and the cursor that leads to the next page.

A cursor is a place among the caller's own jobs, so that nobody can look at another's with it.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from starlette.datastructures import QueryParams

from handlers.api import MOST, USUAL, bad
from pilotlight.contracts.job import JobStatus
from pilotlight.contracts.pages import Place, Wanted
from pilotlight.contracts.tags import Tag

_STATUSES: Final = ", ".join(JobStatus)
FILTERS: Final = {
    "status": f"One of {_STATUSES}; may be given again, or several divided by commas.",
    "endpoint": "An endpoint's id.",
    "worker": "A worker's name.",
    "created_from": "Made then or later: a time as in answers, or seconds since the epoch.",
    "created_before": "Made earlier.",
    "tag": "KEY=VALUE; may be given again: all of them.",
}
PAGING: Final = {
    "limit": f"Most in one page, 1 to {MOST}; {USUAL} unless told.",
    "cursor": "`next_cursor` of the page before.",
}


def wanted(query: QueryParams) -> Wanted:
    """Raises InvalidInput that names the parameter."""
    known(query, FILTERS, PAGING)
    return Wanted(
        statuses=_statuses(query),
        endpoint=query.get("endpoint"),
        worker=query.get("worker"),
        created_from=_moment(query, "created_from"),
        created_before=_moment(query, "created_before"),
        tags=tuple(_tag(text) for text in query.getlist("tag")),
    )


def known(query: QueryParams, *allowed: Mapping[str, str]) -> None:
    """A filter with a typing error in its name must not look like one that lets all pass."""
    names = [name for group in allowed for name in group]
    for name in query:
        if name not in names:
            raise bad(name, f"is not known here; there are {', '.join(names)}")


def cursor(query: QueryParams) -> Place | None:
    text = query.get("cursor")
    if text is None:
        return None
    try:
        created_at, job_id = json.loads(base64.urlsafe_b64decode(text.encode("ascii")))
        if isinstance(job_id, str) and math.isfinite(created_at):
            return Place(float(created_at), job_id)
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    raise bad("cursor", "is not one that a list gave out", text)


def cursor_of(place: Place | None) -> str | None:
    if place is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(list(place)).encode()).decode()


def _statuses(query: QueryParams) -> frozenset[JobStatus]:
    words = [word.strip() for text in query.getlist("status") for word in text.split(",")]
    for word in words:
        if word not in set(JobStatus):
            raise bad("status", f"must be one of {_STATUSES}", word)
    return frozenset(JobStatus(word) for word in words)


def _moment(query: QueryParams, name: str) -> float | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return _seconds(text)
    except (ValueError, OverflowError):
        message = "must be a time such as 2026-11-20T09:30:00Z, or seconds since the epoch"
        raise bad(name, message, text) from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        # A time without its place is taken as ours are: in UTC.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not abs(seconds) < 1e11:
        raise ValueError(text)
    return seconds


def _tag(text: str) -> Tag:
    key, divided, value = text.partition("=")
    if not (key and divided):
        raise bad("tag", "must be KEY=VALUE", text)
    return Tag(key, value)


def parameters(*groups: Mapping[str, str]) -> list[dict[str, Any]]:
    """For the OpenAPI document."""
    return [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for group in groups
        for name, text in group.items()
    ]
