"""``X-Fal-Retry-Config``: ``{"timeout": {"retries": 0}, "server_error": {"retries": 3}}``.

fal ignores what it cannot read, JSON that is none and keys it does not know, and so do we: a
header that says how to survive a failure must not be the reason for one.
"""

from __future__ import annotations

import json
from typing import Any

from pilotlight.contracts.retries import CONDITIONS, MOST

HEADER = "x-fal-retry-config"
_LONGEST = 2048


def retries_of(text: str | None) -> dict[str, int]:
    """Extra attempts by condition; empty when the header says nothing that we can read."""
    if text is None or len(text) > _LONGEST:
        return {}
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(asked, dict):
        return {}
    found = {name: _extra(asked.get(name)) for name in CONDITIONS}
    return {name: extra for name, extra in found.items() if extra is not None}


def _extra(condition: Any) -> int | None:
    extra = condition.get("retries") if isinstance(condition, dict) else None
    if isinstance(extra, bool) or not isinstance(extra, int) or extra < 0:
        return None
    return min(extra, MOST)
