"""``/api/webhooks``: what became of the webhooks of one's jobs, and how to have them posted again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers import api, envelope
from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.native import errors, listing, words
from handlers.dialects.native.wishes import ReplayWish
from handlers.services import ask, services_of
from pilotlight.contracts.pages import Wanted
from pilotlight.delivery.replay import replay_jobs, replay_since
from pilotlight.errors import InvalidInput, Problem

PATH: Final = "/api/webhooks"


@speaks(errors.render)
async def listed(request: Request) -> Response:
    """Of the jobs that have one, newest first."""
    services, query = services_of(request), request.query_params
    caller = await caller_of(request, "jobs:read")
    listing.known(query, listing.PAGING)
    page = await ask(
        services,
        services.store.page,
        Wanted(webhooks_only=True),
        caller=caller,
        after=listing.cursor(query),
        limit=api.limit(query),
    )
    shown = [words.delivery(job) for job in page.jobs]
    return JSONResponse({"deliveries": shown, "next_cursor": listing.cursor_of(page.end)})


@speaks(errors.render)
async def replay(request: Request) -> Response:
    """Of some jobs, or of all that ended since a time. Those that have not ended are left out."""
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    wish, now = await envelope.opened(request, ReplayWish), services.clock.now()
    if (wish.job_ids is None) == (wish.since is None):
        problem = Problem(("body",), "give job_ids or since, and not both", "value_error")
        raise InvalidInput(problem.message, problem)
    if wish.since is None:
        ids = wish.job_ids or []
        done = await ask(services, replay_jobs, services.store, ids, now=now, caller=caller)
    else:
        since = wish.since.timestamp()
        done = await ask(services, replay_since, services.store, since, now=now, caller=caller)
    return _told(request, done)


@speaks(errors.render)
async def replay_one(request: Request) -> Response:
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    ids, now = [request.path_params["job_id"]], services.clock.now()
    await ask(services, services.control.job, ids[0], caller=caller)
    done = await ask(services, replay_jobs, services.store, ids, now=now, caller=caller)
    return _told(request, done)


def _told(request: Request, job_ids: Sequence[str]) -> Response:
    # Whoever posts webhooks hears of it and looks now; otherwise within a minute.
    services_of(request).announcer.changed(job_ids)
    return JSONResponse({"job_ids": list(job_ids)}, 202)


ROUTES = (
    Route(PATH, listed, methods=["GET"]),
    Route(PATH + "/replay", replay, methods=["POST"]),
    Route(PATH + "/{job_id}/replay", replay_one, methods=["POST"]),
)
