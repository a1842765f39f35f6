"""What a small dialect says of its routes in ``/openapi.json``: pieces of OpenAPI, written short."""

from __future__ import annotations

from typing import Any, Final

from handlers.dialect import Schema
from pilotlight.intake.scopes import Scope

TEXT: Final[Schema] = {"type": "string"}
MOMENT: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
URL: Final[Schema] = {"type": "string", "format": "uri"}
ANYTHING: Final[Schema] = {"type": "object"}
_REFUSED: Final = {
    "401": "No key, or one that nobody knows.",
    "404": "Not there, or another caller's.",
    "422": "The request is wrong; the fields are named.",
    "429": "Too many; Retry-After says when to come back.",
}


def fields(*required: str, **properties: Schema) -> Schema:
    """An object."""
    said: Schema = {"type": "object", "properties": properties}
    return {**said, "required": list(required)} if required else said


def words(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


TAGS: Final[Schema] = {"type": "array", "items": fields("key", "value", key=TEXT, value=TEXT)}


def input_of(name: str) -> Schema:
    """An endpoint's input by the name it has in this document; any, where no endpoint is meant."""
    return {"$ref": f"#/components/schemas/{name}Input"} if name else ANYTHING


def output_of(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}Output"} if name else ANYTHING


def operation(  # noqa: PLR0917 - what it is first, then what it takes and gives
    tag: str, text: str, scope: Scope, gives: Schema, takes: Schema | None = None,
    status: str = "200", places: tuple[str, ...] = (),
) -> Schema:  # fmt: skip
    """``places`` are the parameters in its path."""
    answer: Schema = {"description": text, "content": {"application/json": {"schema": gives}}}
    said: dict[str, Any] = {
        "summary": text,
        "description": f"Needs the scope `{scope}`.",
        "tags": [tag],
        "parameters": [
            {"name": place, "in": "path", "required": True, "schema": TEXT} for place in places
        ],
        "responses": {status: answer}
        | {code: {"description": why} for code, why in _REFUSED.items()},
    }
    if takes is not None:
        content = {"application/json": {"schema": takes}}
        said["requestBody"] = {"required": True, "content": content}
    return said
