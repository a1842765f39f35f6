"""Stored bytes on their way out, a chunk at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse

from handlers import passing
from handlers.services import ask
from pilotlight.bootstrap.ingress import Services

CHUNK_BYTES = 256 * 1024


async def past_us(services: Services, key: str, *, size: int) -> Response | None:
    """See :func:`handlers.passing.past_us`. Raises UnknownFile."""
    if size <= passing.MOST_BYTES:
        return None
    info = await ask(services, services.blobs.info, key)
    return passing.past_us(services.blobs, info, size=size)


async def chunks(file: BinaryIO) -> AsyncGenerator[bytes, None]:
    """From where it stands to its end; closed afterwards."""
    with file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk


def reply(
    file: BinaryIO, *, size: int, content_type: str, headers: Mapping[str, str] = {}
) -> Response:
    """The whole file. It is for programs: a browser that gets here shows nothing of it."""
    return StreamingResponse(
        chunks(file),
        headers={
            "content-type": content_type if _printable(content_type) else "text/plain",
            "content-length": str(size),
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox; default-src 'none'",
            **headers,
        },
    )


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable()
