"""Which endpoint a ``model`` is, and the list of them."""

from __future__ import annotations

import asyncio
import json
import shlex
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handlers.auth import caller_of
from handlers.dialect import carrying, speaks
from handlers.dialects.openai import errors, operations
from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.operation import Operation
from handlers.dialects.openai.places import at, prefix_of
from handlers.services import services_of
from handlers.site import base_url
from pilotlight.catalogue import Catalogue, Listed, Served
from pilotlight.errors import UnknownEndpoint

NOBODY_KNOWS = 0
"""``created`` of a model: clients want a number, and a worker has no birthday."""


def target_of(catalogue: Catalogue, operation: Operation, model: object) -> Served:
    """The endpoint to call; without a model the only one there is for such work.

    Raises UnknownEndpoint, and WrongUse when the model is of another kind.
    """
    if model is None:
        return _only(catalogue, operation)
    if not isinstance(model, str):
        raise WrongUse("model is the id of an endpoint, a text", param="model")
    served = catalogue.endpoint(_endpoint_of(catalogue, operation, model))
    if served.endpoint.task not in operation.tasks:
        able = ", ".join(sorted(operation.tasks))
        raise WrongUse(
            f"{model} is of the task type {served.endpoint.task}, and {operation.path} calls "
            f"{able}; GET /v1/models lists each model's task",
            param="model",
        )
    return served


def _endpoint_of(catalogue: Catalogue, operation: Operation, model: str) -> str:
    """A worker's name stands for its endpoint of this kind: one model to callers."""
    worker = None if catalogue.knows(model) else catalogue.workers.get(model)
    if worker is None:
        return model
    fit = (one.id for one in worker.spec.endpoints if one.task in operation.tasks)
    return next((one for one in fit if catalogue.knows(one)), model)


def _only(catalogue: Catalogue, operation: Operation) -> Served:
    fit = [one.id for one in catalogue.listed() if one.worker and one.task in operation.tasks]
    if len(fit) == 1:
        return catalogue.endpoint(fit[0])
    there_are = f"there are {', '.join(fit)}" if fit else "no worker here does such work"
    raise WrongUse(f"you must provide a model; {there_are}", param="model")


@speaks(errors.render)
async def listing(request: Request) -> Response:
    """Served ones first; ``task``, ``state`` and ``worker`` in the query choose among them."""
    await caller_of(request, "jobs:read")
    chosen = {
        name: request.query_params[name]
        for name in ("task", "state", "worker")
        if name in request.query_params
    }
    found = [
        one
        for one in services_of(request).catalogue.listed()
        if all(getattr(one, name) == value for name, value in chosen.items())
    ]
    # The first example of a family builds its models: milliseconds that others need not wait.
    data = await asyncio.to_thread(lambda: [_described(request, one) for one in found])
    return JSONResponse({"object": "list", "data": data})


@speaks(errors.render)
async def retrieve(request: Request) -> Response:
    catalogue, model = services_of(request).catalogue, request.path_params["model"].strip("/")
    if not model:  # /models/, as some write it
        return await listing(request)
    await caller_of(request, "jobs:read")
    for one in catalogue.listed():
        if one.id == model:
            return JSONResponse(await asyncio.to_thread(_described, request, one))
    catalogue.endpoint(model)
    raise UnknownEndpoint(f"no worker serves the endpoint {model}")


def _described(request: Request, one: Listed) -> dict[str, Any]:
    catalogue = services_of(request).catalogue
    said: dict[str, Any] = {
        "id": one.id,
        "object": "model",
        "created": NOBODY_KNOWS,
        "owned_by": one.worker or "nobody",
        "task": one.task,
        "worker": one.worker,
        "state": one.state,
        "route": one.route or None,
        "streams": one.streams,
        "dialects": carrying(request.app.state.dialects, one.task),
        "example": None,
    }
    if one.worker is not None:
        said["example"] = _example(request, one, catalogue.endpoint(one.id).example())
    return said


def _example(request: Request, one: Listed, document: dict[str, Any]) -> str:
    """What to paste into a shell that knows OPENAI_API_KEY."""
    operation = operations.for_task(one.task)
    site = base_url(request)
    prefix, path = prefix_of(request.url.path), f"/run/{one.id}"
    if operation is not None:
        path = prefix + operation.path
        document = {"model": one.id} | document | {"model": one.id}
    body = json.dumps(document, ensure_ascii=False)
    return (
        f'curl {shlex.quote(site + path)} -H "Authorization: Bearer $OPENAI_API_KEY" '
        f'-H "Content-Type: application/json" -d {shlex.quote(body)}'
    )


ROUTES = (
    *at("/models", listing, "GET"),
    *at("/models/{model:path}", retrieve, "GET"),
)
