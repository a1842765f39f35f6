"""``/api/agents``: keep an agent, change it, look at it, let it go."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.agents import words
from handlers.dialects.agents.shapes import AgentWish, CheckWish, opened
from handlers.dialects.agents.words import AGENTS
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.bootstrap.ingress import Services
from pilotlight.errors import InvalidInput, Problem
from pilotlight.intake.groups.agents.check import Step, checked
from pilotlight.ports.agents import AgentRecord


@speaks(words.render)
async def keep(request: Request) -> Response:
    """201 and the agent, at its first version."""
    return await _kept(request, None, 201)


@speaks(words.render)
async def change(request: Request) -> Response:
    """200 and the agent, at its next version; runs of older ones are not touched."""
    return await _kept(request, request.path_params["agent_id"], 200)


async def _kept(request: Request, agent_id: str | None, http_status: int) -> Response:
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    wish, _ = await opened(request, AgentWish)
    record = await ask(
        services,
        services.agents.keep,
        wish.definition(),
        caller=caller,
        name=wish.name,
        agent_id=agent_id,
    )
    said = words.agent(record, site=base_url(request))
    return JSONResponse(said, http_status, headers={"location": said["url"]})


@speaks(words.render)
async def read(request: Request) -> Response:
    services, caller = services_of(request), await caller_of(request, "jobs:read")
    record = await ask(
        services,
        services.agents.find,
        request.path_params["agent_id"],
        caller=caller,
        version=version_of(request.query_params.get("version")),
    )
    return JSONResponse(words.agent(record, site=base_url(request)))


def version_of(text: str | None) -> int | None:
    """Raises InvalidInput."""
    if text is None:
        return None
    if text.isascii() and text.isdigit() and int(text[:9]) > 0:
        return int(text[:9])
    message = "must be a whole number from 1"
    raise InvalidInput(f"version {message}", Problem(("query", "version"), message, "value_error"))


@speaks(words.render)
async def listed(request: Request) -> Response:
    """The newest version of each, in the order in which they were made."""
    services, caller = services_of(request), await caller_of(request, "jobs:read")
    found: list[AgentRecord] = await ask(services, services.agents.store.list_agents, caller=caller)
    said = [words.agent(record, site=base_url(request)) for record in found]
    return JSONResponse({"agents": said})


@speaks(words.render)
async def remove(request: Request) -> Response:
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    agent_id = request.path_params["agent_id"]
    await ask(services, services.agents.remove, agent_id, caller=caller)
    return Response(status_code=204)


@speaks(words.render)
async def check(request: Request) -> Response:
    """What would run, in which order; nothing is kept."""
    await caller_of(request, "jobs:read")
    wish, _ = await opened(request, CheckWish)
    steps = await ask(services_of(request), _checked, services_of(request), wish)
    return JSONResponse({"nodes": [_step(one) for one in steps]})


def _checked(services: Services, wish: CheckWish) -> tuple[Step, ...]:
    if wish.input is None:
        return checked(wish.definition(), services.catalogue)
    return checked(wish.definition(), services.catalogue, wish.input)


def _step(one: Step) -> dict[str, Any]:
    return {
        "id": one.node.id,
        "endpoint": one.endpoint,
        "task": one.served.endpoint.task,
        "needs": list(one.node.upstream),
        "map": one.node.map is not None,
    }


ROUTES = (
    Route(AGENTS, keep, methods=["POST"]),
    Route(AGENTS, listed, methods=["GET"]),
    Route(AGENTS + "/check", check, methods=["POST"]),
    Route(AGENTS + "/{agent_id}", read, methods=["GET"]),
    Route(AGENTS + "/{agent_id}", change, methods=["PUT"]),
    Route(AGENTS + "/{agent_id}", remove, methods=["DELETE"]),
)
