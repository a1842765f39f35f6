"""``/api/jobs``: submit, look, cancel, do again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers import api, envelope, outcome
from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.native import errors, listing, words
from handlers.dialects.native.wishes import JobWish
from handlers.receiver import receiver
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.contracts.job import LOW_PRIORITY, NORMAL_PRIORITY, Job
from pilotlight.contracts.pages import Page
from pilotlight.intake.again import Again
from pilotlight.intake.submission import Submission

WAIT: Final = {
    "wait": "Seconds to hold the answer back until the job ends; without it answer at once."
}
KEY_HEADER: Final = "idempotency-key"
_CREATED, _OVER = 202, 200
_PRIORITIES: Final = {"normal": NORMAL_PRIORITY, "low": LOW_PRIORITY}


@speaks(errors.render)
async def submit(request: Request) -> Response:
    """202, or 200 for a job that is over by then."""
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    wait_s = api.wait_s(request)
    wish = await envelope.opened(request, JobWish)
    submission = _submission(request, caller, wish)
    with envelope.inside("input"):
        job = await services.submit(submission)
    return await _answer(request, await _waited(request, job, wait_s), _CREATED)


def _submission(request: Request, caller: str, wish: JobWish) -> Submission:
    body = envelope.packed(wish.input)
    return Submission(
        caller=caller,
        endpoint=wish.endpoint,
        body=body,
        origin=words.NAME,
        options=outcome.inline_wish(body),
        tags=envelope.tags_of(wish.tags),
        base_url=base_url(request),
        priority=_PRIORITIES[wish.priority],
        start_timeout_s=wish.start_timeout_s,
        run_timeout_s=wish.run_timeout_s,
        webhook=receiver(wish.webhook, "body", "webhook"),
        idempotency_key=wish.idempotency_key or request.headers.get(KEY_HEADER),
        max_queue=wish.max_queue,
        may_retry=wish.may_retry,
        streaming=wish.stream,
        artifact_ttl_s=wish.artifact_ttl_s,
        keep_s=wish.keep_s,
    )


@speaks(errors.render)
async def read(request: Request) -> Response:
    job = await _own(request, "jobs:read")
    return await _answer(request, await _waited(request, job, api.wait_s(request)), _OVER)


@speaks(errors.render)
async def listed(request: Request) -> Response:
    """The caller's own jobs, newest first."""
    services, caller = services_of(request), await caller_of(request, "jobs:read")
    wanted = listing.wanted(request.query_params)
    page = await ask(
        services,
        services.store.page,
        wanted,
        caller=caller,
        after=listing.cursor(request.query_params),
        limit=api.limit(request.query_params),
    )
    return JSONResponse(_page(page, lambda job: _brief(request, job), "jobs"))


@speaks(errors.render)
async def cancel(request: Request) -> Response:
    """The job as it is afterwards. One that had ended by itself is a 409 with its status."""
    services, caller = services_of(request), await caller_of(request, "jobs:cancel")
    job_id = request.path_params["job_id"]
    job = await ask(services, services.control.cancel, job_id, caller=caller)
    return await _answer(request, job, _OVER)


@speaks(errors.render)
async def retry(request: Request) -> Response:
    """A new job from the same input; it says which one it repeats."""
    services, first = services_of(request), await _own(request, "jobs:write")
    wait_s = api.wait_s(request)
    again = Again(services.submit)
    job = await again(first, idempotency_key=request.headers.get(KEY_HEADER))
    return await _answer(request, await _waited(request, job, wait_s), _CREATED)


async def _own(request: Request, scope: Any) -> Job:
    services, caller = services_of(request), await caller_of(request, scope)
    return await ask(services, services.control.job, request.path_params["job_id"], caller=caller)


async def _waited(request: Request, job: Job, wait_s: float) -> Job:
    """The job at its end, or as it is when the time is over. It goes on if the caller leaves."""
    if not wait_s or job.status.is_terminal:
        return job
    control = services_of(request).control
    return await control.wait(job.id, caller=job.caller, timeout_s=wait_s)


async def _answer(request: Request, job: Job, http_status: int) -> Response:
    said = await ask(services_of(request), words.whole, request, job)
    location = {"location": said["url"]} if http_status == _CREATED else None
    return JSONResponse(said, _OVER if job.status.is_terminal else http_status, headers=location)


def _brief(request: Request, job: Job) -> dict[str, Any]:
    error = outcome.error_of(services_of(request), job)
    return words.brief(job, error=error, site=base_url(request))


def _page(page: Page, say: Callable[[Job], dict[str, Any]], name: str) -> dict[str, Any]:
    return {name: [say(job) for job in page.jobs], "next_cursor": listing.cursor_of(page.end)}


ROUTES = (
    Route(words.JOBS, submit, methods=["POST"]),
    Route(words.JOBS, listed, methods=["GET"]),
    Route(words.JOBS + "/{job_id}", read, methods=["GET"]),
    Route(words.JOBS + "/{job_id}/cancel", cancel, methods=["POST"]),
    Route(words.JOBS + "/{job_id}/retry", retry, methods=["POST"]),
)
