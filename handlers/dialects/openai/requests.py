"""``/requests/ID``: what became of a call that was not waited for, in whatever dialect it came.

OpenAI has no such paths; what ``response`` answers is what the call itself would have answered.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.openai import errors, replies
from handlers.dialects.openai.errors import REQUEST_ID
from handlers.dialects.openai.places import at
from handlers.services import ask, services_of
from pilotlight.contracts.job import Job


@speaks(errors.render)
async def status(request: Request) -> Response:
    job = await replies.job_of(request, await caller_of(request, "jobs:read"))
    return _reply(request, job)


@speaks(errors.render)
async def response(request: Request) -> Response:
    job = await replies.job_of(request, await caller_of(request, "jobs:read"))
    return await replies.result(request, job)


@speaks(errors.render)
async def cancel(request: Request) -> Response:
    services = services_of(request)
    caller = await caller_of(request, "jobs:cancel")
    job_id = request.path_params["id"]
    return _reply(request, await ask(services, services.control.cancel, job_id, caller=caller))


def _reply(request: Request, job: Job) -> Response:
    return JSONResponse(replies.state(request, job), headers={REQUEST_ID: job.id})


ROUTES = (
    *at("/requests/{id}", status, "GET"),
    *at("/requests/{id}/response", response, "GET"),
    *at("/requests/{id}/cancel", cancel, "POST"),
)
