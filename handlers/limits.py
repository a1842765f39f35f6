"""What a refused caller is told of its quota, in headers that every dialect sends alike.

``Retry-After`` is RFC 9110's; ``RateLimit-Limit``, ``-Remaining`` and ``-Reset`` are those of the
IETF's draft (httpapi-ratelimit-headers, version 07), which clients in the field read.
"""

from __future__ import annotations

import math

from pilotlight.errors import PilotlightError

RETRY_AFTER_S = 1
"""A queue moves on quickly or not at all; clients back off by themselves after this."""


def headers_of(error: PilotlightError) -> dict[str, str]:
    """For an answer of 429; whole seconds, never 0."""
    told = error.details
    headers = {"retry-after": _seconds(told.get("retry_after_s"))}
    if "limit" in told:
        headers |= {
            "ratelimit-limit": str(told["limit"]),
            "ratelimit-remaining": str(told.get("remaining", 0)),
            "ratelimit-reset": _seconds(told.get("reset_s")),
        }
    return headers


def _seconds(length: object) -> str:
    return str(
        max(RETRY_AFTER_S, math.ceil(length)) if isinstance(length, float) else RETRY_AFTER_S
    )
