"""Speech while it is made: pieces go out as they come, and the stored file has the last word.

What was sent has to be the beginning of that file: an attempt that was started again may speak
otherwise, and then the connection breaks, so that no caller takes a patchwork for the whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncGenerator
from typing import Any, BinaryIO

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from handlers import sse
from handlers.dialects.openai import replies, sending, streams
from handlers.dialects.openai.errors import REQUEST_ID
from handlers.dialects.openai.operation import Diverged, Document, Operation, TheFile
from handlers.dialects.openai.pieces import piece_of
from handlers.following import Items, Leave
from handlers.services import services_of
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.job import Job


async def respond(request: Request, operation: Operation, job: Job, *, on_leave: Leave) -> Response:
    kind = operation.answer(replies.told(job))
    assert isinstance(kind, TheFile)

    def made(items: Items) -> Response:
        headers = {REQUEST_ID: job.id, "content-type": kind.content_type}
        return _Live(_bytes(request, items), headers=headers, on_leave=on_leave)

    return await streams.begun(request, job, made, on_leave=on_leave)


async def _bytes(request: Request, items: Items) -> AsyncGenerator[bytes, None]:
    """Raises Diverged, and whatever the job ended in."""
    services = services_of(request)
    sent, size = hashlib.sha256(), 0
    async with contextlib.aclosing(items):
        async for item in items:
            if isinstance(item, Job):
                async with contextlib.aclosing(_rest(services, item, sent.digest(), size)) as rest:
                    async for chunk in rest:
                        yield chunk
                return
            piece = piece_of(_object(item.body))
            if piece:
                sent.update(piece)
                size += len(piece)
                yield piece


async def _rest(
    services: Services, job: Job, digest: bytes, size: int
) -> AsyncGenerator[bytes, None]:
    error = replies.error_of(services, job)
    if error is not None:
        raise Diverged(error.message)
    file = await asyncio.to_thread(services.blobs.open, replies.first_file(job).key)
    with file:
        if not await asyncio.to_thread(_begins, file, digest, size):
            raise Diverged("the pieces are not the beginning of the file")
        async with contextlib.aclosing(sending.chunks(file)) as chunks:
            async for chunk in chunks:
                yield chunk


def _begins(file: BinaryIO, digest: bytes, size: int) -> bool:
    """Whether its first ``size`` bytes are those of the digest; it stands behind them then."""
    found = hashlib.sha256()
    while size > 0:
        chunk = file.read(min(sending.CHUNK_BYTES, size))
        if not chunk:
            return False
        found.update(chunk)
        size -= len(chunk)
    return found.digest() == digest


def _object(text: str) -> Document:
    found: Any = json.loads(text)
    return found if isinstance(found, dict) else {}


class _Live(sse.EventStream):
    """The same manners as a stream of events, but nothing between the bytes."""

    async def _pump(self, send: Send) -> None:
        async with contextlib.aclosing(self._frames) as frames:
            async for frame in frames:
                await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A stream that broke is broken off: the client sees that the end is missing."""
        with contextlib.suppress(Diverged):
            await super().__call__(scope, receive, send)
