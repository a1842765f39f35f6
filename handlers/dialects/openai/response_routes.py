"""``/responses/ID``: a response that was asked for with ``background``, or simply once more."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.openai import errors, replies, response_earlier, responses
from handlers.dialects.openai.errors import REQUEST_ID
from handlers.dialects.openai.places import at
from handlers.services import ask, services_of
from pilotlight.contracts.job import Job, JobStatus


@speaks(errors.render)
async def retrieve(request: Request) -> Response:
    caller = await caller_of(request, "jobs:read")
    job = await _own(request, caller)
    if job.status is JobStatus.SUCCEEDED:
        return await replies.result(request, job)
    return _standing(request, job)


@speaks(errors.render)
async def cancel(request: Request) -> Response:
    """As it stands then; one that has ended stays what it is."""
    services = services_of(request)
    caller = await caller_of(request, "jobs:cancel")
    job = await _own(request, caller)
    if not job.status.is_terminal:
        job = await ask(services, services.control.cancel, job.id, caller=caller)
    return _standing(request, job)


async def _own(request: Request, caller: str) -> Job:
    services = services_of(request)
    return await ask(services, response_earlier.find, services, request.path_params["id"], caller)


def _standing(request: Request, job: Job) -> Response:
    error = replies.error_of(services_of(request), job)
    said = None if error is None else errors.body_of(error)[1]["error"]
    status = replies.word(job)
    failed = {"error": said, "status": "failed"} if status in {"failed", "expired"} else {}
    document = responses.response(replies.told(job), status) | failed
    return JSONResponse(document, headers={REQUEST_ID: job.id})


ROUTES = (
    *at("/responses/{id}", retrieve, "GET"),
    *at("/responses/{id}/cancel", cancel, "POST"),
)
