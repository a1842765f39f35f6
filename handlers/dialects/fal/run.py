"""``fal.run``: call and wait, or call and watch partial outputs arrive."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from handlers import sse
from handlers.bodies import whole
from handlers.dialect import speaks
from handlers.dialects.fal import answers, errors, stream, wishes
from handlers.dialects.fal.access import admitted
from handlers.dialects.fal.errors import WrongMethod
from handlers.dialects.fal.wishes import RUN
from handlers.services import ask, services_of
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.job import Job
from pilotlight.errors import AlreadyFinished, Cancelled, RunTimeout

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
STREAM = "stream"


@speaks(errors.render)
async def run(request: Request) -> Response:
    """Any method on an endpoint's path; a GET has its input in the query."""
    services = services_of(request)
    if request.method == "HEAD":
        raise WrongMethod("HEAD must not start any work", allow=", ".join(METHODS))
    caller, target = await admitted(request, suffix=STREAM)
    streaming = target.by_suffix
    body = await whole(request, max_bytes=services.settings.ingress.max_body_bytes)
    if request.method == "GET":
        body = wishes.query_as_body(request)
    wish = wishes.submission(request, caller, target, body, streaming=streaming)
    job = await services.submit(wish)
    if streaming:
        return await stream.respond(request, job, on_leave=partial(_give_up, services, job))
    return await answers.outcome(request, await _ended(request, job))


async def _ended(request: Request, job: Job) -> Job:
    """The job once it is terminal. Nobody else knows its id, so it ends when its caller leaves.

    Raises RunTimeout when it takes longer than a call may be held open, Cancelled when the
    caller has left.
    """
    services = services_of(request)
    timeout_s = services.settings.ingress.sync_timeout_s
    waiting = asyncio.ensure_future(
        services.control.wait(job.id, caller=job.caller, timeout_s=timeout_s)
    )
    leaving = asyncio.ensure_future(sse.gone(request.receive))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done() and waiting.result().status.is_terminal:
            return waiting.result()
    finally:
        for task in (waiting, leaving):
            task.cancel()
    await _give_up(services, job)
    if waiting.done():
        raise RunTimeout(f"no result within {timeout_s:g} s; use the queue", job_id=job.id)
    raise Cancelled("the caller has left", job_id=job.id)


async def _give_up(services: Services, job: Job) -> None:
    with contextlib.suppress(AlreadyFinished):
        await ask(services, services.control.cancel, job.id, caller=job.caller)


ROUTES = [Route(RUN + "/{path:path}", run, methods=METHODS)]
