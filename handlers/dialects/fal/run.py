"""``fal.run``: call and wait, or call and watch partial outputs arrive."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from handlers import outcome
from handlers.bodies import whole
from handlers.dialect import speaks
from handlers.dialects.fal import answers, errors, stream, wishes
from handlers.dialects.fal.access import admitted
from handlers.dialects.fal.errors import WrongMethod
from handlers.dialects.fal.wishes import RUN
from handlers.services import services_of
from pilotlight.contracts.job import Job
from pilotlight.errors import RunTimeout

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
        return await stream.respond(request, job, on_leave=partial(outcome.give_up, services, job))
    return await answers.outcome(request, await _ended(request, job))


async def _ended(request: Request, job: Job) -> Job:
    """The job once it is terminal. Raises RunTimeout and Cancelled, and then it is cancelled."""
    job = await outcome.ended(request, job)
    if job.status.is_terminal:
        return job
    services = services_of(request)
    await outcome.give_up(services, job)
    timeout_s = services.settings.ingress.sync_timeout_s
    raise RunTimeout(f"no result within {timeout_s:g} s; use the queue", job_id=job.id)


ROUTES = [Route(RUN + "/{path:path}", run, methods=METHODS)]
