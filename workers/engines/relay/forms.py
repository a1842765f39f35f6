"""A form with one file, as ``multipart/form-data`` (RFC 7578)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from workers.engines.relay.inputs import kind_of

if TYPE_CHECKING:
    from pathlib import Path

_ENDINGS = {"audio/mpeg": "mp3", "audio/wav": "wav", "audio/flac": "flac", "audio/ogg": "ogg"}
"""OpenAI tells formats by the file's ending; others are named as the MP4 they mostly are."""


def form(fields: dict[str, Any], path: Path) -> tuple[str, bytes]:
    """Content type and body. The same fields and file give the same bytes: it may be sent again."""
    data, kind = path.read_bytes(), kind_of(path)
    border = "pilotlight-" + hashlib.sha256(data + repr(fields).encode()).hexdigest()
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{text}'.encode()
        for name, text in _texts(fields)
    ]
    named = f"file.{_ENDINGS.get(kind, 'mp4')}"
    head = f'Content-Disposition: form-data; name="file"; filename="{named}"\r\n'
    parts.append(f"{head}Content-Type: {kind}\r\n\r\n".encode() + data)
    mark = f"--{border}\r\n".encode()
    body = mark + (b"\r\n" + mark).join(parts) + f"\r\n--{border}--\r\n".encode()
    return f"multipart/form-data; boundary={border}", body


def _texts(fields: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, list):
            found += [(f"{name}[]", str(item)) for item in value]
        elif value is not None:
            found.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return found
