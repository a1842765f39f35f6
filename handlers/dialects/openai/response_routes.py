"""``/responses/ID``: a response that was asked for with ``background``, or simply once more."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.openai import errors, replies, response_earlier, responses, streams
from handlers.dialects.openai.errors import REQUEST_ID, WrongUse
from handlers.dialects.openai.operation import yes
from handlers.dialects.openai.places import at
from handlers.following import left_alone
from handlers.services import ask, services_of
from pilotlight.contracts.job import Job, JobStatus

_MOST_DIGITS = 10


@speaks(errors.render)
async def retrieve(request: Request) -> Response:
    """``?stream=true&starting_after=N``: its events behind the N-th, from however long ago."""
    caller = await caller_of(request, "jobs:read")
    job = await _own(request, caller)
    if yes(request.query_params.get("stream")):
        after = _number(request.query_params.get("starting_after"))
        return await streams.respond(
            request, responses.OPERATION, job, on_leave=left_alone, after=after
        )
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


def _number(given: str | None) -> int:
    """Raises WrongUse."""
    if given is None:
        return -1
    if not (given.isascii() and given.isdigit() and len(given) < _MOST_DIGITS):
        raise WrongUse("starting_after is the sequence_number of an event", param="starting_after")
    return int(given)


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
