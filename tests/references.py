"""What a JSON document refers to."""

from __future__ import annotations


def refs(value):
    """Every ``$ref`` in it, as it stands there."""
    if isinstance(value, dict):
        yield from [value["$ref"]] if "$ref" in value else []
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)
