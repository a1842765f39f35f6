"""What the queue and the synchronous paths both answer with: JSON, and a finished job."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from handlers.dialects.fal import errors
from handlers.dialects.fal.wishes import CDN
from handlers.outcome import output_of as rendered
from handlers.services import services_of
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.errors import NotFinished

_JSON = "application/json"


def reply(content: dict[str, Any], *, request_id: str, http_status: int = 200) -> Response:
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(body, http_status, {"x-fal-request-id": request_id}, _JSON)


async def outcome(request: Request, job: Job) -> Response:
    """The model's own output, or its own error. Raises NotFinished."""
    services = services_of(request)
    if not job.status.is_terminal:
        raise NotFinished("Request is still in progress", job_id=job.id)
    if job.status is not JobStatus.SUCCEEDED:
        return errors.respond(services.control.error(job), request_id=job.id)
    body = await output_of(request, job)
    return Response(body, 200, {"x-fal-request-id": job.id}, _JSON)


async def output_of(request: HTTPConnection, job: Job) -> bytes:
    return await rendered(request, job, prefix=CDN)
