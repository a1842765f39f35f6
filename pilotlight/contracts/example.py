"""An input that an endpoint takes, made from its own contract: for lists, and for pasting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic import BaseModel

Schema = dict[str, Any]

_FILL: Final[dict[str, Any]] = {
    "string": "a small red star on a blue background",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
    "uri": "https://example.com/your-file",
}
"""By type, or by format: only a file of the reader's own will do there."""


def example_of(model: type[BaseModel]) -> Schema:
    """What has to be given, by the contract's own examples or with what fits."""
    return example_in(model.model_json_schema())


def example_in(schema: Schema) -> Schema:
    """As :func:`example_of`, from a JSON Schema with its ``$defs``."""
    return _object(schema, schema.get("$defs", {}))


def _object(schema: Schema, defs: dict[str, Schema]) -> Schema:
    known = schema.get("properties", {})
    shown = [name for name, one in known.items() if _shows(one)]
    # A contract that asks for one of several fields can require none of them.
    names = schema.get("required") or shown[:1]
    return {name: _value(known[name], defs) for name in names}


def _shows(schema: Schema) -> bool:
    return "examples" in schema or any(_shows(one) for one in schema.get("anyOf", ()))


def _value(schema: Schema, defs: dict[str, Schema]) -> Any:
    for word in ("examples", "enum"):
        if schema.get(word):
            return schema[word][0]
    if "const" in schema:
        return schema["const"]
    if "$ref" in schema:
        return _value(defs[schema["$ref"].rpartition("/")[2]], defs)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return _value(schema[word][0], defs)
    kind = schema.get("type", "object")
    if kind == "array":
        return [_value(schema.get("items", {}), defs)] * schema.get("minItems", 0)
    fit = _FILL.get(schema.get("format", ""), _FILL.get(kind))
    return _object(schema, defs) if kind == "object" else fit
