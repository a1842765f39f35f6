"""``/api/endpoints``: what can be called here, by whom it is served, and an example to paste."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers.auth import caller_of
from handlers.dialect import carrying, speaks
from handlers.dialects.native import errors
from handlers.dialects.native.listing import known
from handlers.services import services_of
from handlers.site import base_url
from pilotlight.catalogue import Listed
from pilotlight.errors import UnknownEndpoint
from pilotlight.intake.offers import contract, offer

PATH: Final = "/api/endpoints"
FILTERS: Final = {
    "state": "`local`, `relayed` or `unrouted`.",
    "task": "A task type, such as `fal/text-to-image`.",
    "worker": "A worker's name.",
    "dialect": "One of the dialects that can name it.",
    "q": "Words; those whose id, task type, worker or state has every one.",
}


@speaks(errors.render)
async def listed(request: Request) -> Response:
    """Served ones first, then those that a route would serve."""
    await caller_of(request, "jobs:read")
    known(request.query_params, FILTERS)
    # The first list makes the contracts' schemas: tens of milliseconds that others need not wait.
    return JSONResponse({"endpoints": await asyncio.to_thread(_offers, request)})


@speaks(errors.render)
async def read(request: Request) -> Response:
    await caller_of(request, "jobs:read")
    return JSONResponse(await asyncio.to_thread(_whole, request))


def _offers(request: Request) -> list[dict[str, Any]]:
    catalogue = services_of(request).catalogue
    shown = (_offer(request, one) for one in catalogue.listed() if _wanted(request, one))
    dialect = request.query_params.get("dialect")
    return [said for said in shown if dialect in (None, *said["dialects"])]


def _wanted(request: Request, one: Listed) -> bool:
    query = request.query_params
    same = all(
        query.get(name) in (None, getattr(one, name)) for name in ("state", "task", "worker")
    )
    text = " ".join((one.id, one.task, one.worker or "", one.state)).lower()
    return same and all(word in text for word in query.get("q", "").lower().split())


def _offer(request: Request, one: Listed) -> dict[str, Any]:
    services, site = services_of(request), base_url(request)
    dialects = carrying(request.app.state.dialects, one.task)
    said = offer(services.catalogue, one, dialects, site=site)
    return {**said, "url": f"{site}{PATH}/{quote(one.id)}"}


def _whole(request: Request) -> dict[str, Any]:
    """Raises UnknownEndpoint with the nearest id."""
    catalogue, endpoint_id = services_of(request).catalogue, request.path_params["endpoint_id"]
    one = next((one for one in catalogue.listed() if one.id == endpoint_id), None)
    if one is None:
        catalogue.endpoint(endpoint_id)
        raise UnknownEndpoint(f"there is no endpoint {endpoint_id}", endpoint=endpoint_id)
    return {**_offer(request, one), **contract(catalogue, one)}


ROUTES = (
    Route(PATH, listed, methods=["GET"]),
    Route(PATH + "/{endpoint_id:path}", read, methods=["GET"]),
)
