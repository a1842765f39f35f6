"""What every endpoint takes and gives, as OpenAPI: one document each, and one of all.

``/openapi.json?endpoint_id=ID`` is laid out as fal's own: paths on the queue, and in every object
``x-fal-order-properties``, the order in which forms show its fields. Contracts are no secret: no
key is asked for.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from handlers.dialect import Dialect, Schema
from handlers.made_once import made_once
from handlers.services import services_of
from handlers.site import base_url
from pilotlight.catalogue import Catalogue
from pilotlight.errors import UnknownEndpoint, UnroutedEndpoint

PATH = "/openapi.json"
VERSION = "3.1.0"
"""The first one whose schemas are JSON Schema as pydantic writes it."""
ORDER = "x-fal-order-properties"


async def openapi(request: Request) -> Response:
    catalogue = services_of(request).catalogue
    endpoint_id = request.query_params.get("endpoint_id")
    dialects = request.app.state.dialects.values()

    def make(site: str) -> str:
        if endpoint_id is None:
            document = whole(catalogue, dialects, site=site)
        else:
            document = of_endpoint(catalogue, dialects, endpoint_id, site=site)
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False)

    name = "openapi" if endpoint_id is None else f"openapi of {endpoint_id}"
    site = json.dumps(base_url(request), ensure_ascii=False)[1:-1]
    try:
        # Made in a thread: half a second that others need not wait.
        text = await asyncio.to_thread(made_once(request), name, make, site=site)
    except UnknownEndpoint as error:
        said = {"detail": str(error), "message": str(error)}
        return Response(json.dumps(said), error.http_status, media_type="application/json")
    return Response(text, media_type="application/json")


def of_endpoint(
    catalogue: Catalogue, dialects: Iterable[Dialect], endpoint_id: str, *, site: str
) -> Schema:
    """One endpoint on the queue, as fal describes its own. Raises UnknownEndpoint."""
    contract = catalogue.contract(endpoint_id)
    schemas, name = _schemas(catalogue, endpoint_id, prefix="")
    found = f"/{endpoint_id}/requests/{{request_id}}"
    paths: Schema = {
        f"/{endpoint_id}": {"post": _submit(name)},
        found: {"get": _get("The output of a finished request.", f"{name}Output")},
        found + "/status": {"get": _status()},
        found + "/cancel": {"put": _cancel()},
    }
    if contract.streams:
        paths[f"/{endpoint_id}/stream"] = {
            "servers": [{"url": site + "/run"}],
            "post": _stream(name),
        }
    for documented in (one.describe(endpoint_id, name) for one in dialects if one.describe):
        elsewhere = {"servers": [{"url": site}]}
        paths |= {path: {**elsewhere, **one} for path, one in documented.paths.items()}
        schemas |= documented.schemas
    info = {
        "title": f"Queue OpenAPI for {endpoint_id}",
        "version": "1.0.0",
        "description": contract.description,
        "x-fal-metadata": {"endpointId": endpoint_id, "category": contract.task},
        "x-pilotlight": _served(catalogue, endpoint_id),
    }
    return _document(info, site + "/queue", paths, schemas)


def whole(catalogue: Catalogue, dialects: Iterable[Dialect], *, site: str) -> Schema:
    """Every endpoint that is known, called at once or through the queue."""
    paths: Schema = {}
    schemas: Schema = {}
    for endpoint_id in catalogue.ids():
        more, name = _schemas(catalogue, endpoint_id, prefix=_word(endpoint_id))
        schemas |= more
        about: Schema = {
            "summary": catalogue.contract(endpoint_id).description,
            "x-pilotlight": _served(catalogue, endpoint_id),
        }
        paths[f"/run/{endpoint_id}"] = {"post": {**about, **_run(name)}}
        paths[f"/queue/{endpoint_id}"] = {"post": {**about, **_submit(name)}}
    found = "/queue/{owner}/{app}/requests/{request_id}"
    place = [_parameter("owner"), _parameter("app")]
    output = _get("The output of a finished request.", None)
    for path, method, one in (
        (found, "get", output),
        (found + "/status", "get", _status()),
        (found + "/cancel", "put", _cancel()),
    ):
        paths[path] = {method: {**one, "parameters": place + one["parameters"]}}
    for documented in (one.describe(None, "") for one in dialects if one.describe):
        paths |= documented.paths
        schemas |= documented.schemas
    return _document({"title": "Pilotlight", "version": "1.0.0"}, site, paths, schemas)


def _document(info: Schema, server: str, paths: Schema, schemas: Schema) -> Schema:
    key = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Key YOUR-KEY`",
    }
    return {
        "openapi": VERSION,
        "info": info,
        "servers": [{"url": server}],
        "security": [{"apiKeyAuth": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"apiKeyAuth": key},
            "schemas": {**schemas, "QueueStatus": _QUEUE_STATUS},
        },
    }


def _served(catalogue: Catalogue, endpoint_id: str) -> Schema:
    try:
        served = catalogue.endpoint(endpoint_id)
    except UnroutedEndpoint:
        return {"state": "unrouted", "worker": None}
    state = "relayed" if served.spec.upstream else "local"
    return {"state": state, "worker": served.spec.name}


def _schemas(catalogue: Catalogue, endpoint_id: str, *, prefix: str) -> tuple[Schema, str]:
    """Components of an endpoint, and the name before their ``Input`` and ``Output``."""
    contract, name = catalogue.contract(endpoint_id), _word(endpoint_id)
    try:
        taken = catalogue.endpoint(endpoint_id).input_schema()
    except UnroutedEndpoint:
        taken = contract.input.model_json_schema()
    given = contract.output.model_json_schema(mode="serialization")
    made: Schema = {}
    for kind, schema in (("Input", taken), ("Output", given)):
        # Shapes of input and output may share a name and not their fields.
        inner = prefix if kind == "Input" else f"{prefix}Made"
        text = json.dumps(schema).replace('"#/$defs/', f'"#/components/schemas/{inner}')
        read: Schema = json.loads(text)
        made |= {inner + one: _ordered(body) for one, body in read.pop("$defs", {}).items()}
        made[f"{name}{kind}"] = _ordered({**read, "title": f"{name}{kind}"})
    return made, name


def _ordered(schema: Schema) -> Schema:
    if "properties" not in schema:
        return schema
    return {**schema, ORDER: list(schema["properties"])}


def _word(endpoint_id: str) -> str:
    """``fal-ai/flux-pro`` -> ``FalAiFluxPro``; a dot keeps ``v1.1`` apart from ``v11``."""
    parts = re.split(r"[^A-Za-z0-9.]+", endpoint_id)
    return "".join(part[:1].upper() + part[1:] for part in parts).replace(".", "_")


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(text: str, schema: Schema | None, kind: str = "application/json") -> Schema:
    content = {"content": {kind: {"schema": schema}}} if schema is not None else {}
    return {"200": {"description": text, **content}}


def _parameter(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _takes(name: str) -> Schema:
    schema = {"schema": _ref(f"{name}Input")}
    return {"requestBody": {"required": True, "content": {"application/json": schema}}}


def _run(name: str) -> Schema:
    return {**_takes(name), "responses": _answer("The output.", _ref(f"{name}Output"))}


def _submit(name: str) -> Schema:
    return {**_takes(name), "responses": _answer("It is in the queue.", _ref("QueueStatus"))}


def _stream(name: str) -> Schema:
    text = "Partial outputs as server-sent events, the whole one last."
    answer = _answer(text, _ref(f"{name}Output"), "text/event-stream")
    return {**_takes(name), "responses": answer}


def _get(text: str, name: str | None) -> Schema:
    schema = _ref(name) if name else {}
    return {"parameters": [_parameter("request_id")], "responses": _answer(text, schema)}


def _status() -> Schema:
    logs = {"name": "logs", "in": "query", "schema": {"type": "integer", "enum": [0, 1]}}
    return {
        "parameters": [_parameter("request_id"), logs],
        "responses": _answer("Where it stands.", _ref("QueueStatus")),
    }


def _cancel() -> Schema:
    schema = {"type": "object", "properties": {"success": {"type": "boolean"}}}
    return {
        "parameters": [_parameter("request_id")],
        "responses": {
            "202": _answer("It will not run, or not to its end.", schema)["200"],
            "400": {"description": "Too late: it has ended."},
        },
    }


_STATUS_FIELDS: Schema = {
    "status": {"type": "string", "enum": ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]},
    "request_id": {"type": "string"},
    "response_url": {"type": "string", "format": "uri"},
    "status_url": {"type": "string", "format": "uri"},
    "cancel_url": {"type": "string", "format": "uri"},
    "queue_position": {"type": "integer"},
    "logs": {"type": "array", "items": {"type": "object"}},
}
_QUEUE_STATUS: Schema = {
    "type": "object",
    "properties": _STATUS_FIELDS,
    "required": ["status", "request_id"],
    ORDER: list(_STATUS_FIELDS),
}

ROUTES = [Route(PATH, openapi)]
