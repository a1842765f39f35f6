"""``X-Fal-Tags``: ``team=design,env=prod``, words to find a request by.

Newer clients than those we pin send it. fal drops the pairs that it cannot take and serves the
request all the same, and so do we: no bookkeeping is worth a failure.
"""

from __future__ import annotations

import re
from typing import Final

from pilotlight.contracts.tags import Tag

HEADER: Final = "x-fal-tags"
_MOST, _LONGEST_VALUE, _LONGEST = 10, 256, 4096
"""The clients' own limits, and far more than all of them together."""
_KEY: Final = re.compile(r"(?!fal\.)[a-z0-9._-]{1,64}", re.ASCII)
"""What begins with ``fal.`` is the platform's own."""


def tags_of(text: str | None) -> tuple[Tag, ...]:
    """In the caller's order; of a key that is given twice the last."""
    if not text or len(text) > _LONGEST:
        return ()
    found: dict[str, str] = {}
    for pair in text.split(",")[:_MOST]:
        key, divided, value = pair.partition("=")
        key, value = key.strip().lower(), value.strip()
        if divided and _KEY.fullmatch(key) and len(value) <= _LONGEST_VALUE and value.isprintable():
            found[key] = value
    return tuple(Tag(key, value) for key, value in found.items())
