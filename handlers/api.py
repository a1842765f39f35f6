"""What the dialects under ``/api`` say and read alike: errors, ``limit`` and ``wait``."""

from __future__ import annotations

from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.requests import Request

from handlers import envelope
from handlers.services import services_of
from pilotlight.contracts.job import JobError
from pilotlight.errors import InvalidInput, Problem

MOST: Final = 200
USUAL: Final = 50
"""Rows in one page."""


def shape(error: JobError) -> dict[str, Any]:
    """``code``, ``message``, ``field`` (``input.prompt`` or ``limit``: the first thing that is
    wrong) and ``problems`` (all of them), of a refused request and of a job that did not succeed.
    """
    problems = envelope.fields_of(error.problems)
    said: dict[str, Any] = {"code": error.code, "message": error.message}
    said["field"] = problems[0]["field"] if problems else None
    return said | ({"problems": problems} if problems else {})


def bad(name: str, message: str, given: str | None = None) -> InvalidInput:
    """A parameter of the query that makes no sense."""
    shown = None if given is None else given[:200]
    problem = Problem(("query", name), message, "value_error", given=shown)
    return InvalidInput(f"{name} {message}", problem)


def limit(query: QueryParams) -> int:
    """Most in one page. Raises InvalidInput."""
    text = query.get("limit", str(USUAL))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise bad("limit", f"must be a whole number from 1 to {MOST}", text)
    return int(text)


def wait_s(request: Request) -> float:
    """Seconds to hold the answer back, within what the ingress allows. Raises InvalidInput."""
    text, most = request.query_params.get("wait"), services_of(request).settings.ingress
    if text is None:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise bad("wait", "must be a number of seconds", text)
    return min(seconds, most.sync_timeout_s)
