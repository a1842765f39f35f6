"""``key=value`` words become an input, with the endpoint's own schema to say what each one is.

A schema is JSON Schema as pydantic writes it. Without one, what reads as JSON is JSON and the
rest is text.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pilotlight.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Schema = dict[str, Any]

_NAMES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a JSON object",
    "null": "null",
}
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class InputSchema:
    """One endpoint's input. ``root`` None: nothing is known of it."""

    endpoint: str
    root: Schema | None = None
    _defs: dict[str, Schema] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._defs.update((self.root or {}).get("$defs", {}))

    def collect(self, words: Iterable[str], base: Mapping[str, Any] | None = None) -> Schema:
        """The input: ``base`` with every ``key=value`` on top; a repeated key makes a list.

        Raises InvalidInput for a word without ``=``, an unknown key, a value of the wrong kind.
        """
        given: dict[str, list[str]] = {}
        for word in words:
            key, equals, text = word.partition("=")
            if not equals or not key:
                raise InvalidInput(f"{word!r} is not key=value")
            given.setdefault(key, []).append(text)
        values = {key: self._value(key, texts) for key, texts in given.items()}
        return {**(base or {}), **values}

    def takes_list(self, key: str) -> bool:
        """Whether the field wants a list rather than one value."""
        kinds = {kind for part in self._parts(self.field(key)) for kind in _kinds(part)}
        return "array" in kinds and "string" not in kinds

    def one_or_many(self, key: str, values: list[str]) -> str | list[str]:
        """As the field wants it: a list of one only where it takes nothing but lists."""
        return values if len(values) > 1 or self.takes_list(key) else values[0]

    def field(self, key: str) -> Schema:
        """The schema of one field; an empty one takes anything. Raises InvalidInput."""
        if self.root is None:
            return {}
        known: dict[str, Schema] = self.root.get("properties", {})
        if key in known:
            return known[key]
        if self.root.get("additionalProperties"):
            return {}
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known) or 'nothing'}"
        raise InvalidInput(f"{self.endpoint} takes no {key!r}; {hint}")

    def _value(self, key: str, texts: list[str]) -> Any:
        if len(texts) > 1 or self.takes_list(key):
            return self._list(key, texts)
        return self._one(key, self.field(key), texts[0])

    def _list(self, key: str, texts: list[str]) -> list[Any]:
        if len(texts) == 1:
            whole = _json(texts[0])
            if isinstance(whole, list):
                return whole
        parts = self._parts(self.field(key))
        items: Schema = next((part["items"] for part in parts if "items" in part), {})
        return [self._one(key, items, text) for text in texts]

    def _one(self, key: str, schema: Schema, text: str) -> Any:
        parts = self._parts(schema)
        kinds = {kind for part in parts for kind in _kinds(part)}
        read = _json(text)
        if not kinds:
            return text if read is _NOTHING else read
        if read is not _NOTHING and _fits(read, kinds):
            return read
        if "string" in kinds:
            return text
        wanted = " or ".join(_NAMES[kind] for kind in _NAMES if kind in kinds)
        raise InvalidInput(f"{key} takes {wanted}, not {text!r}")

    def _parts(self, schema: Schema) -> list[Schema]:
        """The alternatives of a schema, references followed."""
        if "$ref" in schema:
            return self._parts(self._defs.get(schema["$ref"].rpartition("/")[2], {}))
        for word in ("anyOf", "oneOf", "allOf"):
            if word in schema:
                return [part for inner in schema[word] for part in self._parts(inner)]
        return [schema]


def _kinds(part: Schema) -> set[str]:
    kind = part.get("type")
    if isinstance(kind, str):
        return {kind}
    if isinstance(kind, list):
        return set(kind)
    allowed = part.get("enum", [part["const"]] if "const" in part else [])
    return {_kind(value) for value in allowed}


def _kind(value: object) -> str:
    # bool before int: in Python True is an int.
    for kind, name in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (list, "array"),
        (dict, "object"),
        (str, "string"),
    ):
        if isinstance(value, kind):
            return name
    return "null"


def _fits(value: object, kinds: set[str]) -> bool:
    """Text that only looks like JSON stays text where text is allowed: ``null``, ``"quoted"``."""
    kind = _kind(value)
    if kind in {"string", "null"}:
        return "string" not in kinds and kind in kinds
    return kind in kinds or (kind == "integer" and "number" in kinds)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return _NOTHING
