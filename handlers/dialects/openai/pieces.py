"""Pieces of sound in partial outputs: each holds what comes next, as a data URI."""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import Final

from handlers.dialects.openai.operation import Document

_FIELD: Final = "audio_url"


def piece_of(output: Document) -> bytes:
    """The sound in a partial output; nothing where there is none."""
    text = output.get(_FIELD)
    if not (isinstance(text, str) and text.startswith("data:")):
        return b""
    with contextlib.suppress(binascii.Error, ValueError):
        return base64.b64decode(text.partition(",")[2], validate=True)
    return b""
