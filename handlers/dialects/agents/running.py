"""``/api/agent-runs`` and ``/api/agents/ID/runs``: start, look, end."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers import api, outcome
from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.agents import words
from handlers.dialects.agents.shapes import InlineRun, RunWish, opened
from handlers.dialects.agents.words import AGENTS, RUNS
from handlers.receiver import receiver
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.contracts.agent import Definition
from pilotlight.contracts.job import LOW_PRIORITY, NORMAL_PRIORITY, Job
from pilotlight.contracts.pages import Place, Wanted
from pilotlight.errors import InvalidInput, Problem
from pilotlight.intake.groups.agents.service import (
    ENDPOINT,
    UnknownRun,
    Wish,
    definition_of,
    is_run,
)
from pilotlight.intake.scopes import Scope
from pilotlight.ports.agents import AgentRecord

_END_OF_TIME: Final = 1e11
"""Seconds since the epoch that no run was made at; not-a-number is not below it either."""
_KEY_HEADER: Final = "idempotency-key"


@speaks(words.render)
async def start_inline(request: Request) -> Response:
    """A run of a graph that is not kept."""
    caller = await caller_of(request, "jobs:write")
    wish, body = await opened(request, InlineRun)
    return await _start(request, caller, wish, body, wish.definition(), None)


@speaks(words.render)
async def start(request: Request) -> Response:
    """A run of an agent that is kept: of its newest version, or of the one that is named."""
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    wish, body = await opened(request, RunWish)
    agent_id = request.path_params["agent_id"]
    record = await ask(
        services, services.agents.find, agent_id, caller=caller, version=wish.version
    )
    return await _start(request, caller, wish, body, definition_of(record), record)


async def _start(
    request: Request,
    caller: str,
    wish: RunWish | InlineRun,
    body: bytes,
    definition: Definition,
    agent: AgentRecord | None,
) -> Response:
    """202, or 200 for a run that is over by then."""
    services, wait_s = services_of(request), api.wait_s(request)
    key = wish.idempotency_key
    if key is None:
        key = request.headers.get(_KEY_HEADER)
    asked = Wish(
        caller=caller,
        origin=words.NAME,
        given=wish.input,
        definition=definition,
        agent=agent,
        base_url=base_url(request),
        webhook=receiver(wish.webhook, "body", "webhook"),
        priority=LOW_PRIORITY if wish.priority == "low" else NORMAL_PRIORITY,
        expires_s=wish.expires_s,
        keep_s=wish.keep_s,
        idempotency_key=_good(key),
        body_sha256=None if key is None else _digest(request, body),
    )
    # In a thread: a list of thousands of items is validated one by one, and a disk is waited for.
    head = await asyncio.to_thread(services.agents.start, asked)
    if wish.sync:
        head = await outcome.ended(request, head)
    elif wait_s:
        head = await services.control.wait(head.id, caller=caller, timeout_s=wait_s)
    said = await ask(services, words.run, request, head)
    status = 200 if head.status.is_terminal else 202
    return JSONResponse(said, status, headers={"location": said["url"]})


def _good(key: str | None) -> str | None:
    if key is None or (0 < len(key) <= 255 and key.isascii()):
        return key
    message = "must be 1 to 255 ASCII characters"
    problem = Problem(("body", "idempotency_key"), message, "value_error")
    raise InvalidInput(f"idempotency_key {message}", problem)


def _digest(request: Request, body: bytes) -> str:
    return hashlib.sha256(request.url.path.encode() + b"\n" + body).hexdigest()


async def _own(request: Request, scope: Scope) -> Job:
    """Raises UnknownRun, for another caller's run and for a job that is none too."""
    services, caller = services_of(request), await caller_of(request, scope)
    run_id = request.path_params["run_id"]
    head = await ask(services, services.store.get, run_id)
    if head is None or head.caller != caller or not is_run(head):
        raise UnknownRun("no such run")
    return head


@speaks(words.render)
async def read(request: Request) -> Response:
    """The graph and where each node is; ``wait`` holds back for the end, ``outputs=1`` shows what
    each node gave."""
    services, head = services_of(request), await _own(request, "jobs:read")
    wait_s = api.wait_s(request)
    if wait_s and not head.status.is_terminal:
        head = await services.control.wait(head.id, caller=head.caller, timeout_s=wait_s)
    with_outputs = request.query_params.get("outputs") in ("1", "true")
    if with_outputs:  # of thousands of items perhaps
        said = await asyncio.to_thread(words.run, request, head, with_outputs=True)
    else:
        said = await ask(services, words.run, request, head)
    return JSONResponse(said)


@speaks(words.render)
async def listed(request: Request) -> Response:
    """The caller's own runs, newest first."""
    services, caller = services_of(request), await caller_of(request, "jobs:read")
    page = await ask(
        services,
        services.store.page,
        Wanted(endpoint=ENDPOINT),
        caller=caller,
        after=_cursor(request),
        limit=api.limit(request.query_params),
    )
    runs = [
        words.brief(head, error=outcome.error_of(services, head), site=base_url(request))
        for head in page.jobs
    ]
    end = None if page.end is None else f"{page.end.created_at!r}~{page.end.id}"
    return JSONResponse({"runs": runs, "next_cursor": end})


def _cursor(request: Request) -> Place | None:
    text = request.query_params.get("cursor")
    if text is None:
        return None
    moment, _, run_id = text.partition("~")
    try:
        place = Place(float(moment), run_id)
        if run_id and abs(place.created_at) < _END_OF_TIME:
            return place
    except ValueError:
        pass
    raise api.bad("cursor", "is not one that a list gave out", text)


@speaks(words.render)
async def cancel(request: Request) -> Response:
    """The run as it is afterwards: it can never succeed, and its jobs are on their way out."""
    services, head = services_of(request), await _own(request, "jobs:cancel")
    head = await ask(services, services.control.cancel, head.id, caller=head.caller)
    services.steward.kick()
    return JSONResponse(await ask(services, words.run, request, head))


ROUTES = (
    Route(AGENTS + "/{agent_id}/runs", start, methods=["POST"]),
    Route(RUNS, start_inline, methods=["POST"]),
    Route(RUNS, listed, methods=["GET"]),
    Route(RUNS + "/{run_id}", read, methods=["GET"]),
    Route(RUNS + "/{run_id}/cancel", cancel, methods=["POST"]),
)
