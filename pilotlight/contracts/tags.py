"""Words that a caller hangs on a job to find it again: pairs of key and value.

The row keeps them as JSON text, a list of ``[key, value]`` in the caller's order. Nothing in the
life of a job looks at them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MOST_TAGS: Final = 50
MAX_KEY_CHARACTERS: Final = 128
MAX_VALUE_CHARACTERS: Final = 256
"""AWS's limits for the tags of a resource: wide enough for any bookkeeping, small in a row."""


class Tag(NamedTuple):
    key: str
    value: str


def written(tags: Iterable[Tag]) -> str | None:
    """As the row keeps them; None for none."""
    listed = [list(tag) for tag in tags]
    return json.dumps(listed, separators=(",", ":"), ensure_ascii=False) if listed else None


def read(text: str | None) -> tuple[Tag, ...]:
    """What :func:`written` was given."""
    return tuple(Tag(*pair) for pair in json.loads(text)) if text else ()


def carries(text: str | None, wanted: Collection[Tag]) -> bool:
    """Whether every wanted tag is among those of a row."""
    return not wanted or set(wanted) <= set(read(text))
