"""A job as a task's record, and what went wrong in the shape of OpenAI's errors."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from handlers import envelope, limits, names
from handlers.moments import iso
from pilotlight.catalogue import Catalogue
from pilotlight.contracts import tags
from pilotlight.contracts.job import HELD, Job, JobError, JobStatus
from pilotlight.errors import PilotlightError

NAME: Final = "task-types"
REQUEST_ID: Final = "x-request-id"


def record(job: Job, *, output: bytes | None, error: JobError | None) -> dict[str, Any]:
    """Where a task stands, which is the webhook's body too. Times are ISO 8601."""
    asked = json.loads(job.options) if job.origin == NAME else {}
    return {
        "id": asked.get("id"),
        "request_id": job.id,
        "task": asked.get("task"),
        "model": asked.get("model", job.endpoint),
        "status": _word(job),
        "progress": 1.0 if job.status is JobStatus.SUCCEEDED else round(job.progress, 4),
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "completed_at": iso(job.ended_at),
        "output": None if output is None else json.loads(output),
        "error": None if error is None else told(error)["error"],
        "tags": [one._asdict() for one in tags.read(job.tags)],
    }


def with_task(said: dict[str, Any], job: Job, catalogue: Catalogue) -> dict[str, Any]:
    """A job of another dialect has the task type of its endpoint, if that is still known."""
    if said["task"] is None and catalogue.knows(job.endpoint):
        said["task"] = catalogue.contract(job.endpoint).task
    return said


def _word(job: Job) -> str:
    if job.status.is_terminal:
        return "completed" if job.status is JobStatus.SUCCEEDED else "failed"
    return "running" if job.status in HELD else "pending"


def told(error: JobError) -> dict[str, Any]:
    """``{"error": {"message", "type", "param", "code"}}``; ``fields`` are all that are wrong."""
    fields = envelope.fields_of(error.problems)
    said: dict[str, Any] = {
        "message": error.message,
        "type": "invalid_request_error" if error.http_status < 500 else "server_error",
        "param": fields[0]["field"] if fields else None,
        "code": error.code,
    }
    if fields:
        said["fields"] = fields
    return {"error": said}


def refused(error: PilotlightError) -> Response:
    """Any error that a route raises."""
    said = told(JobError.of(error))
    said["error"]["param"] = said["error"]["param"] or error.details.get("param")
    headers = limits.headers_of(error) if error.http_status == 429 else {}
    job_id = names.as_id(error.details.get("job_id"))
    if job_id is not None:
        headers[REQUEST_ID] = job_id
    return JSONResponse(said, error.http_status, headers=headers)


def failed(error: JobError, *, request_id: str) -> Response:
    """A job that was waited for and did not succeed."""
    return JSONResponse(told(error), error.http_status, headers={REQUEST_ID: request_id})
