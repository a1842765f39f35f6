"""The dialect's routes in the words of OpenAPI, each at the first of the places it stands at."""

from __future__ import annotations

import functools
import json
from typing import Any, Final

from handlers import describing as say
from handlers.dialect import Documented, Schema
from handlers.dialects.openai import batch_documents, operations
from handlers.dialects.openai.operation import Operation
from handlers.dialects.openai.places import DIALECT_NAME, PREFIXES
from handlers.dialects.openai.transcripts import FORMATS
from pilotlight.contracts.tasks import shapes

_REFS: Final = "#/components/schemas/"
_OURS: Final[Schema] = {
    "async": {"type": "boolean", "default": False, "description": "Answer 202 at once."},
    "webhook": {**say.URL, "description": "Where the answer is posted when the request ends."},
}
_BYTES: Final[Schema] = {"type": "string", "format": "binary"}
_WHOLE: Final[Schema] = {"type": "integer"}
_REQUEST: Final = say.fields(
    "id", "status",
    id=say.TEXT, object=say.words("request"), request_id=say.TEXT,
    status=say.words("queued", "in_progress", "completed", "failed", "cancelled", "expired"),
    model=say.TEXT, endpoint=say.TEXT, progress={"type": "number", "minimum": 0, "maximum": 1},
    created_at=_WHOLE, started_at=_WHOLE, metadata=say.ANYTHING, ended_at=_WHOLE, error=say.ANYTHING,
    status_url=say.URL, response_url=say.URL, cancel_url=say.URL,
)  # fmt: skip
_FILE: Final = say.fields(
    "id", "bytes", "filename", "purpose",
    id=say.TEXT, object=say.words("file"), bytes=_WHOLE, created_at=_WHOLE, expires_at=_WHOLE,
    filename=say.TEXT, purpose=say.TEXT, status=say.words("processed"),
)  # fmt: skip
_MODEL: Final = say.fields(
    "id", "task", "state",
    id=say.TEXT, object=say.words("model"), created=_WHOLE, owned_by=say.TEXT, task=say.TEXT,
    worker=say.TEXT, state=say.words("local", "relayed", "unrouted"), route=say.TEXT,
    streams={"type": "boolean"}, dialects={"type": "array", "items": say.TEXT}, example=say.TEXT,
)  # fmt: skip
_OWN_BODIES: Final[dict[str, Schema]] = {
    "completions": say.fields("prompt", prompt=say.TEXT, max_tokens=_WHOLE, stream={"type": "boolean"}),
    "responses": say.fields(
        "input", input={"anyOf": [say.TEXT, {"type": "array", "items": say.ANYTHING}]},
        instructions=say.TEXT, max_output_tokens=_WHOLE, text=say.ANYTHING, temperature={"type": "number"},
        tools={"type": "array", "items": say.ANYTHING}, tool_choice=say.ANYTHING,
        stream={"type": "boolean"}, background={"type": "boolean"},
    ),
    "images.edits": say.fields(
        "prompt", prompt=say.TEXT, image=say.URL, mask=say.URL, n=_WHOLE, size=say.TEXT,
        response_format=say.words("url", "b64_json"),
    ),
    "audio.transcriptions": say.fields(
        audio_url=say.URL, language=say.TEXT, prompt=say.TEXT, temperature={"type": "number"},
        response_format=say.words(*FORMATS),
    ),
}  # fmt: skip
_OWN_BODIES["audio.translations"] = _OWN_BODIES["audio.transcriptions"]
"""Where the contract's names are not OpenAI's."""


def describe(endpoint_id: str | None) -> Documented:
    """All routes; of one endpoint none, since its contract alone does not tell its task type."""
    if endpoint_id is not None:
        return Documented({}, {})
    schemas: Schema = {}
    calls = {one.url: {"post": _call(one, schemas)} for one in operations.ALL}
    paths = _files() | _models() | _requests() | _responses() | batch_documents.paths()
    rest = {PREFIXES[0] + path: said for path, said in paths.items()}
    return Documented(calls | rest, schemas)


_say = functools.partial(say.operation, DIALECT_NAME)


def _call(one: Operation, schemas: Schema) -> Schema:
    taken = _OWN_BODIES.get(one.name) or _contract(one, schemas)
    wish = {"allOf": [taken, say.fields(model=say.TEXT, **_OURS)]}
    text = f"Call an endpoint of the task type {' or '.join(sorted(one.tasks))}."
    said = _say(text, "jobs:write", say.ANYTHING, wish)
    if one.media:
        files = dict.fromkeys(one.media, _BYTES)
        form = {"allOf": [taken, say.fields(model=say.TEXT, **files, **_OURS)]}
        said["requestBody"]["content"]["multipart/form-data"] = {"schema": form}
    if one.name == "audio.speech":
        said["responses"]["200"]["content"] = {"audio/*": {"schema": _BYTES}}
    if one.narrator is not None:
        said["responses"]["200"]["content"]["text/event-stream"] = {"schema": say.TEXT}
    said["responses"]["202"] = {
        "description": "With `async`: it is in the queue.",
        "content": {"application/json": {"schema": _REQUEST}},
    }
    return _refusing(said)


def _contract(one: Operation, schemas: Schema) -> Schema:
    """The task type's own input, its parts added to the document's schemas."""
    task = next(task for task in sorted(one.tasks) if task.startswith("openai/"))
    model, _ = shapes(task)
    prefix = f"OpenAi{model.__name__}"
    text = json.dumps(model.model_json_schema()).replace('"#/$defs/', f'"{_REFS}{prefix}')
    read: dict[str, Any] = json.loads(text)
    schemas.update({prefix + name: body for name, body in read.pop("$defs", {}).items()})
    schemas[prefix] = read
    return {"$ref": _REFS + prefix}


def _refusing(said: Schema) -> Schema:
    """OpenAI answers 400 where others answer 422."""
    said["responses"]["400"] = said["responses"].pop("422")
    return said


def _list(item: Schema) -> Schema:
    return say.fields("data", object=say.words("list"), data={"type": "array", "items": item})


def _files() -> dict[str, Schema]:
    upload = _say("Keep a file.", "jobs:write", _FILE)
    form = say.fields("file", "purpose", file=_BYTES, purpose=say.TEXT)
    upload["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    gone = say.fields("id", "deleted", id=say.TEXT, deleted={"type": "boolean"})
    content = _say("Read a file.", "jobs:read", say.ANYTHING, places=("id",))
    content["responses"]["200"]["content"] = {"*/*": {"schema": _BYTES}}
    return {
        "/files": {
            "post": _refusing(upload),
            "get": _refusing(_say("List files, newest first.", "jobs:read", _list(_FILE))),
        },
        "/files/{id}": {
            "get": _say("Look at a file.", "jobs:read", _FILE, places=("id",)),
            "delete": _say("Delete a file.", "jobs:write", gone, places=("id",)),
        },
        "/files/{id}/content": {"get": content},
    }


def _models() -> dict[str, Schema]:
    return {
        "/models": {"get": _say("List models.", "jobs:read", _list(_MODEL))},
        "/models/{model}": {
            "get": _say("Look at a model.", "jobs:read", _MODEL, places=("model",))
        },
    }


def _responses() -> dict[str, Schema]:
    place, said = ("id",), say.ANYTHING
    return {
        "/responses/{id}": {"get": _say("Look at a response.", "jobs:read", said, places=place)},
        "/responses/{id}/cancel": {
            "post": _say("End a response.", "jobs:cancel", said, places=place)
        },
    }


def _requests() -> dict[str, Schema]:
    place, answer = ("id",), "What the call itself would have answered."
    return {
        "/requests/{id}": {"get": _say("Look at a request.", "jobs:read", _REQUEST, places=place)},
        "/requests/{id}/response": {"get": _say(answer, "jobs:read", say.ANYTHING, places=place)},
        "/requests/{id}/cancel": {
            "post": _say("End a request.", "jobs:cancel", _REQUEST, places=place)
        },
    }
