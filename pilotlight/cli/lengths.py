"""Lengths of time as people write them."""

from __future__ import annotations

import re
from typing import Final

from pilotlight.errors import InvalidInput

_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d)")
_SECONDS: Final = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def length_of(text: str, option: str = "--since") -> float:
    """Seconds in ``90s``, ``30m``, ``6h``, ``2d``. Raises InvalidInput."""
    match = _LENGTH.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"{option} takes a length such as 90s, 30m, 6h or 2d, not {text!r}")
    return float(match[1]) * _SECONDS[match[2]]
