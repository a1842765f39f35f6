"""Job ids: UUID version 7, time first, so that rows append and nothing can be guessed."""

from __future__ import annotations

import secrets
import uuid


def new_id(now: float) -> str:
    """48 bits of milliseconds, 74 random bits (RFC 9562 section 5.7)."""
    milliseconds = int(now * 1000) & (1 << 48) - 1
    noise = secrets.randbits(74)
    return str(
        uuid.UUID(
            int=milliseconds << 80
            | 7 << 76
            | (noise >> 62) << 64
            | 0b10 << 62
            | noise & (1 << 62) - 1
        )
    )
