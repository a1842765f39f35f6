"""``/api`` in the words of OpenAPI: paths from one table, schemas from the shapes themselves."""

from __future__ import annotations

import functools
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from handlers.dialect import Documented, Schema
from handlers.dialects.native import (
    endpoints,
    events,
    files,
    jobs,
    keys,
    listing,
    shapes,
    webhooks,
    wishes,
)
from handlers.dialects.native.words import JOBS
from pilotlight.intake.scopes import Scope

PREFIX: Final = "Native"
"""Before our schemas' names: endpoints have a File and an Image of their own."""
_REFS: Final = "#/components/schemas/"
_ONE: Final = JOBS + "/{job_id}"
_REFUSALS: Final = {
    "401": "No key, or one that nobody knows.",
    "403": "The key lacks the scope.",
    "404": "Not there, or another caller's.",
    "422": "The request is wrong; the fields are named.",
    "429": "Too many; Retry-After says when to come back.",
}

Body = type[BaseModel] | None


class Op(NamedTuple):
    method: str
    path: str
    text: str
    scope: Scope
    gives: Body
    takes: Body = None
    query: tuple[dict[str, str], ...] = ()
    status: str = "200"


_LISTING = (listing.FILTERS, listing.PAGING)
OPS: Final = (
    Op("post", JOBS, "Submit a job.", "jobs:write", shapes.WholeJob, wishes.JobWish,
       (jobs.WAIT,), "202"),
    Op("get", JOBS, "List your jobs, newest first.", "jobs:read", shapes.Jobs, None, _LISTING),
    Op("get", _ONE, "Look at a job.", "jobs:read", shapes.WholeJob, None, (jobs.WAIT,)),
    Op("get", _ONE + "/events", "Follow a job as server-sent events: status, log, progress, "
       "partial. Ends with the whole job.", "jobs:read", shapes.WholeJob, None, (events.QUERY,)),
    Op("post", _ONE + "/cancel", "End a job: it can never succeed afterwards.", "jobs:cancel",
       shapes.WholeJob),
    Op("post", _ONE + "/retry", "Do a finished job again, as a new one.", "jobs:write",
       shapes.WholeJob, None, (jobs.WAIT,), "202"),
    Op("get", endpoints.PATH, "List what can be called here, and what could be.", "jobs:read",
       shapes.Endpoints, None, (endpoints.FILTERS,)),
    Op("get", endpoints.PATH + "/{endpoint_id}", "Look at an endpoint: who serves it, what it "
       "takes, an example.", "jobs:read", shapes.WholeEndpoint),
    Op("post", files.PATH, "Bring a file: its bytes are the body.", "jobs:write", shapes.FileLink,
       None, (files.NAME,), "201"),
    Op("post", files.PATH + "/uploads", "Get a URL to PUT a file to.", "jobs:write",
       shapes.Upload, wishes.UploadWish, (), "201"),
    Op("get", files.PATH, "List your files, newest first.", "jobs:read", shapes.Files, None,
       (listing.PAGING,)),
    Op("get", files.PATH + "/{file_id}", "Get a signed URL of a file.", "jobs:read",
       shapes.FileLink, None, (files.LENDING,)),
    Op("delete", files.PATH + "/{file_id}", "Delete a file.", "jobs:write", None, status="204"),
    Op("get", webhooks.PATH, "List the webhooks of your jobs, newest first.", "jobs:read",
       shapes.Deliveries, None, (listing.PAGING,)),
    Op("post", webhooks.PATH + "/replay", "Have webhooks posted again.", "jobs:write",
       shapes.Replayed, wishes.ReplayWish, (), "202"),
    Op("post", webhooks.PATH + "/{job_id}/replay", "Have one webhook posted again.", "jobs:write",
       shapes.Replayed, None, (), "202"),
    Op("get", keys.PATH, "List your keys.", "keys:manage", shapes.Keys),
    Op("post", keys.PATH, "Make a key that may do no more than yours.", "keys:manage",
       shapes.NewKey, wishes.KeyWish, (), "201"),
    Op("post", keys.PATH + "/{key_id}/rotate", "Replace a key; the old one goes on for a while.",
       "keys:manage", shapes.NewKey, wishes.RotateWish, (), "201"),
    Op("delete", keys.PATH + "/{key_id}", "Revoke a key.", "keys:manage", shapes.Key),
)  # fmt: skip


def describe(endpoint_id: str | None, name: str) -> Documented:
    """Every route; or how one endpoint is called, with its own input in the body."""
    if endpoint_id is None:
        paths: Schema = {}
        for op in OPS:
            paths.setdefault(op.path, {})[op.method] = _operation(op)
        return Documented(paths, _schemas())
    submit = _operation(OPS[0])
    submit["requestBody"]["content"]["application/json"]["schema"] = _narrowed(endpoint_id, name)
    return Documented({JOBS: {"post": submit}}, _schemas())


def _narrowed(endpoint_id: str, name: str) -> Schema:
    own = {"endpoint": {"const": endpoint_id}, "input": {"$ref": f"{_REFS}{name}Input"}}
    return {"allOf": [_ref(wishes.JobWish), {"properties": own, "required": ["endpoint", "input"]}]}


def _operation(op: Op) -> Schema:
    said: Schema = {
        "summary": op.text,
        "description": f"Needs the scope `{op.scope}`.",
        "tags": ["native"],
        "parameters": [*_places(op.path), *listing.parameters(*op.query)],
        "responses": {op.status: _answer(op), **_refusals()},
    }
    if op.takes is not None:
        content = {"application/json": {"schema": _ref(op.takes)}}
        said["requestBody"] = {"required": True, "content": content}
    elif op.path == files.PATH and op.method == "post":
        said["requestBody"] = {"required": True, "content": {"*/*": {}}}
    return said


def _answer(op: Op) -> Schema:
    if op.gives is None:
        return {"description": "Done."}
    kind = "text/event-stream" if op.path.endswith("/events") else "application/json"
    return {"description": op.text, "content": {kind: {"schema": _ref(op.gives)}}}


def _refusals() -> Schema:
    content = {"application/json": {"schema": _ref(shapes.Refusal)}}
    return {code: {"description": text, "content": content} for code, text in _REFUSALS.items()}


def _places(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]


def _ref(model: type[BaseModel]) -> Schema:
    return {"$ref": f"{_REFS}{PREFIX}{model.__name__}"}


@functools.cache
def _schemas() -> Schema:
    taken = {op.takes for op in OPS if op.takes is not None}
    given = {op.gives for op in OPS if op.gives is not None} | {shapes.Refusal}
    _, made = models_json_schema(
        [
            *((model, "validation") for model in sorted(taken, key=_name)),
            *((model, "serialization") for model in sorted(given, key=_name)),
        ],
        ref_template=f"{_REFS}{PREFIX}{{model}}",
    )
    found: Schema = made["$defs"]
    return {PREFIX + name: schema for name, schema in found.items()}


def _name(model: type[BaseModel]) -> str:
    return model.__name__
