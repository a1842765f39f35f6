"""What went wrong: ``{"error": {"code", "message", "field", "problems"}}``.

``field`` is the first thing that is wrong, ``input.prompt`` or ``limit``; ``problems`` are all.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

from handlers import envelope, limits
from pilotlight.contracts.job import JobError
from pilotlight.errors import AlreadyFinished, NotFinished, PilotlightError, Problem


def shape(error: JobError) -> dict[str, Any]:
    """Of a request that was refused, and of a job that did not succeed."""
    problems = envelope.fields_of(error.problems)
    said: dict[str, Any] = {"code": error.code, "message": error.message}
    said["field"] = problems[0]["field"] if problems else None
    if problems:
        said["problems"] = problems
    return said


def render(error: PilotlightError) -> Response:
    said = shape(JobError.of(error))
    if "job_id" in error.details:
        said["job_id"] = error.details["job_id"]
    if "status" in error.details:
        said["status"] = error.details["status"]
    headers = limits.headers_of(error) if error.http_status in (429, 503) else None
    return JSONResponse({"error": said}, _http_status(error), headers=headers)


def _http_status(error: PilotlightError) -> int:
    """The request is right and the job's state is in its way: RFC 9110 says 409."""
    return 409 if isinstance(error, AlreadyFinished | NotFinished) else error.http_status


def wrong(where: str, field: str, message: str, given: object = None) -> Problem:
    """``where`` is ``query``, ``header`` or ``body``."""
    return Problem((where, field), message, "value_error", given=given)
