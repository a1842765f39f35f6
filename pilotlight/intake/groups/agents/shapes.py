"""What a path leads to in a JSON Schema, and whether one value can stand where another is wanted.

A schema that says nothing allows everything: a fault is only what cannot be right.
"""

from __future__ import annotations

from typing import Any, Final

from pilotlight.contracts.example import example_in
from pilotlight.contracts.templates import EVERY

Schema = dict[str, Any]

ANY: Final[Schema] = {}
_LISTS: Final = ("anyOf", "oneOf", "allOf")
_DEEPEST: Final = 12


class NoSuchField(LookupError):
    """The schema has no such field; the message says what it has."""


def below(schema: Schema, path: tuple[str, ...]) -> Schema:
    """The schema at the end of the path, with the definitions it needs. Raises NoSuchField."""
    defs = schema.get("$defs", {})
    found = schema
    for number, step in enumerate(path):
        if step == EVERY:
            inner = below({**_item(found, defs, step), "$defs": defs}, path[number + 1 :])
            rest, inner_defs = dict(inner), inner.get("$defs", {})
            rest.pop("$defs", None)
            return {"type": "array", "items": rest, "$defs": inner_defs}
        found = _step(found, defs, step)
    return {**found, "$defs": defs} if defs else found


def _choices(schema: Schema, defs: dict[str, Schema], depth: int = 0) -> list[Schema]:
    """Every plain schema that this one may be."""
    if depth > _DEEPEST:
        return [ANY]
    if "$ref" in schema:
        return _choices(defs.get(schema["$ref"].rpartition("/")[2], ANY), defs, depth + 1)
    for word in _LISTS:
        if word in schema:
            return [one for part in schema[word] for one in _choices(part, defs, depth + 1)]
    return [schema]


def _step(schema: Schema, defs: dict[str, Schema], step: str) -> Schema:
    found, known = [], set()
    for one in _choices(schema, defs):
        kind = one.get("type")
        if kind is None and "properties" not in one and "const" not in one and "enum" not in one:
            return ANY
        if kind == "array" and step.isascii() and step.isdigit():
            found.append(one.get("items", ANY))
        elif kind == "object" or "properties" in one:
            known |= set(one.get("properties", {}))
            if step in one.get("properties", {}):
                found.append(one["properties"][step])
            elif _takes_more(one):
                more = one.get("additionalProperties")
                found.append(more if isinstance(more, dict) else ANY)
    if not found:
        there = f"; there is {', '.join(sorted(known))}" if known else ""
        raise NoSuchField(f"has no {step!r}{there}")
    return found[0] if len(found) == 1 else {"anyOf": found}


def _takes_more(one: Schema) -> bool:
    """An object without fields of its own may hold anything."""
    more = one.get("additionalProperties")
    return bool(more) or (more is None and not one.get("properties"))


def _item(schema: Schema, defs: dict[str, Schema], step: str) -> Schema:
    kinds = _choices(schema, defs)
    for one in kinds:
        if one.get("type") == "array":
            items: Schema = one.get("items", ANY)
            return items
    if any("type" not in one for one in kinds):
        return ANY
    raise NoSuchField(f"is no list, so {step} takes nothing")


def types(schema: Schema) -> frozenset[str] | None:
    """JSON types that it may be, null apart; None: any."""
    found: set[str] = set()
    for one in _choices(schema, schema.get("$defs", {})):
        kind = one.get("type") or _type_of_constant(one)
        if kind is None:
            return None
        found |= set(kind) if isinstance(kind, list) else {kind}
    return frozenset(found - {"null"}) or frozenset({"null"})


def _type_of_constant(schema: Schema) -> str | None:
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if not values:
        return "object" if "properties" in schema else None
    return type_of(values[0])


def type_of(value: Any) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def mismatch(given: Schema, wanted: Schema, depth: int = 0) -> str | None:
    """Why a value of the one shape can never stand where the other is wanted, if so."""
    have, want = types(given), types(wanted)
    if have is None or want is None or depth > _DEEPEST:
        return None
    wide = want | {"integer"} if "number" in want else want
    if not have & wide and not ({"number"} <= have and "integer" in want):
        return f"is {_said(have)}, and {_said(want)} is wanted"
    if have == want == {"array"}:
        defs = given.get("$defs", {}), wanted.get("$defs", {})
        inner = mismatch(
            {**_item(given, defs[0], EVERY), "$defs": defs[0]},
            {**_item(wanted, defs[1], EVERY), "$defs": defs[1]},
            depth + 1,
        )
        return inner and f"holds items of which each {inner}"
    return None


def _said(kinds: frozenset[str]) -> str:
    words = {"array": "a list", "object": "an object", "integer": "a whole number"}
    plain = {"string": "a text", "number": "a number", "boolean": "true or false", "null": "null"}
    return " or ".join((words | plain).get(kind, kind) for kind in sorted(kinds))


def sample(schema: Schema) -> Any:
    """A value of this shape."""
    if not schema.get("type") and not any(word in schema for word in ("$ref", "enum", *_LISTS)):
        return "text"
    defs = schema.get("$defs", {})
    return example_in({"properties": {"it": schema}, "required": ["it"], "$defs": defs})["it"]
