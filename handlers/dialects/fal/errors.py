"""What went wrong, in fal's two shapes.

Wrong input and failed models: ``{"detail": [{"loc", "msg", "type", "url", ...}]}``. Everything
else: ``{"detail": "text", "error_type": "..."}`` and the header ``x-fal-error-type``. Both carry
``message`` too: the JavaScript client reads that, the Python client reads ``detail``.
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from starlette.responses import JSONResponse, Response

from handlers import limits
from handlers.names import as_id
from pilotlight.contracts.job import JobError
from pilotlight.errors import AlreadyFinished, PilotlightError, Problem, UnknownJob

DOCS = "https://docs.fal.ai/errors/#"
START_TIMEOUT = "start_timeout"


class WrongMethod(PilotlightError):
    """``allow`` in the details is what the header of that name says."""

    code = "method_not_allowed"
    http_status = 405


class Flat(NamedTuple):
    http_status: int
    error_type: str


_FLAT = {
    START_TIMEOUT: Flat(504, "startup_timeout"),
    "run_timeout": Flat(504, "request_timeout"),
    "cancelled": Flat(499, "client_cancelled"),
    "lease_lost": Flat(503, "runner_disconnected"),
    "lease_lost_too_often": Flat(503, "runner_disconnected"),
    "replica_failure": Flat(503, "runner_connection_error"),
    "weights_missing": Flat(503, "runner_scheduling_failure"),
    "worker_error": Flat(500, "runner_server_error"),
    "out_of_memory": Flat(500, "runner_server_error"),
    "internal_error": Flat(500, "internal_error"),
    "backlog_full": Flat(429, "concurrent_requests_limit"),
    "queue_quota_reached": Flat(429, "concurrent_requests_limit"),
    "rate_limited": Flat(429, "concurrent_requests_limit"),
    "not_finished": Flat(400, "bad_request"),
    "unavailable": Flat(503, "internal_error"),
    # Python's client would repeat a 409 ten times: nothing we answer is cured by that.
    "illegal_transition": Flat(400, "bad_request"),
}
"""Our codes in fal's words; a code that is not here keeps its own name and status."""
_LISTED = {"invalid_input", "json_invalid", "idempotency_mismatch", "file_download_error"}


class Body(NamedTuple):
    http_status: int
    error_type: str
    content: dict[str, Any]


def body_of(error: JobError) -> Body:
    """The status and body that a failed job's result has."""
    if error.problems or error.code in _LISTED:
        problems = error.problems or (Problem(("body",), error.message, error.code),)
        detail = [_item(problem) for problem in problems]
        status = error.http_status if 400 <= error.http_status < 500 else 422
        return Body(status, problems[0].type, {"detail": detail, "message": error.message})
    flat = _FLAT.get(error.code, Flat(error.http_status, error.code))
    content = {
        "detail": error.message,
        "error_type": flat.error_type,
        "message": error.message,
    }
    return Body(flat.http_status, flat.error_type, content)


def _item(problem: Problem) -> dict[str, Any]:
    item: dict[str, Any] = {
        "loc": list(problem.loc),
        "msg": problem.message,
        "type": problem.type,
        "url": DOCS + problem.type,
    }
    if problem.context:
        item["ctx"] = problem.context
    if problem.given is not None:
        item["input"] = problem.given
    return item


def respond(error: JobError, *, request_id: str) -> Response:
    """A failed job as its result: the model's own status and body."""
    body = body_of(error)
    headers = {"x-fal-request-id": request_id, "x-fal-error-type": body.error_type}
    if error.code == START_TIMEOUT:
        # Neither client repeats a 504 that carries this.
        headers["x-fal-request-timeout-type"] = "user"
    return JSONResponse(body.content, body.http_status, headers=headers)


def render(error: PilotlightError) -> Response:
    """Any error that a route raises."""
    request_id = as_id(error.details.get("job_id")) or str(uuid.uuid4())
    response = respond(JobError.of(error), request_id=request_id)
    if isinstance(error, UnknownJob):
        response = _status_only("NOT_FOUND", str(error), 404, request_id)
    elif isinstance(error, AlreadyFinished):
        response = _status_only("ALREADY_COMPLETED", str(error), 400, request_id)
    elif error.http_status == 429:
        response.headers.update(limits.headers_of(error) | {"x-fal-needs-retry": "1"})
    elif "allow" in error.details:
        response.headers["allow"] = str(error.details["allow"])
    return response


def _status_only(word: str, text: str, http_status: int, request_id: str) -> Response:
    body = {"status": word, "detail": text, "message": text}
    return JSONResponse(body, http_status, headers={"x-fal-request-id": request_id})
