"""What went wrong: ``{"error": {"code", "message", "field", "problems"}}``.

See :func:`handlers.api.shape`.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from handlers import api, limits
from pilotlight.contracts.job import JobError
from pilotlight.errors import AlreadyFinished, NotFinished, PilotlightError


def render(error: PilotlightError) -> Response:
    said = api.shape(JobError.of(error))
    if "job_id" in error.details:
        said["job_id"] = error.details["job_id"]
    if "status" in error.details:
        said["status"] = error.details["status"]
    headers = limits.headers_of(error) if error.http_status in (429, 503) else None
    return JSONResponse({"error": said}, _http_status(error), headers=headers)


def _http_status(error: PilotlightError) -> int:
    """The request is right and the job's state is in its way: RFC 9110 says 409."""
    return 409 if isinstance(error, AlreadyFinished | NotFinished) else error.http_status
