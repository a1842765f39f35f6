"""Request bodies: small ones whole and bounded, large ones straight to disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from pilotlight.errors import BodyTooLarge, PilotlightError

T = TypeVar("T")

IDLE_S = 60.0
"""An upload that sends nothing for this long is given up."""
SLOWEST_BYTES_PER_S = 8_000
"""On average, after the first minute: a byte now and then would hold a thread for ever."""
_UPLOADS_AT_ONCE = 32
"""Each holds a thread while its bytes arrive, so they have a pool of their own."""


class Interrupted(PilotlightError):
    """The client went away, or stopped sending, in the middle of a body."""

    code = "interrupted"
    http_status = 408


class Compressed(PilotlightError):
    """Nobody unpacks bodies here: a small one could be gigabytes."""

    code = "unsupported_content_encoding"
    http_status = 415


def measured(request: Request, max_bytes: int) -> None:
    """What the headers say of the body. Raises BodyTooLarge, and Compressed."""
    headers = request.headers
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > max_bytes:
        raise too_large(max_bytes)
    packed = headers.get("content-encoding")
    if packed is not None and packed.strip().lower() not in {"", "identity"}:
        raise Compressed(f"send the body as it is, not with Content-Encoding: {packed[:50]}")


async def whole(request: Request, *, max_bytes: int) -> bytes:
    """The body. Raises BodyTooLarge as soon as it is known, Compressed and Interrupted."""
    measured(request, max_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes:
                raise too_large(max_bytes)
            chunks.append(chunk)
    except ClientDisconnect:
        raise Interrupted("the body stopped before its end") from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def streamed(request: Request, store: Callable[[Iterator[bytes]], T], max_bytes: int) -> T:
    """Run ``store`` in a thread on the chunks of the body as they arrive.

    Raises Compressed, BodyTooLarge past ``max_bytes``, and Interrupted; ``store`` sees the same
    exception.
    """
    measured(request, max_bytes)
    loop = asyncio.get_running_loop()
    source = request.stream()

    def chunks() -> Iterator[bytes]:
        size, began = 0, loop.time()

        def following() -> bytes:
            wait_s = patience_s(size, loop.time() - began)
            return asyncio.run_coroutine_threadsafe(_next(source, wait_s), loop).result()

        while chunk := following():
            size += len(chunk)
            if size > max_bytes:
                raise too_large(max_bytes)
            yield chunk

    return await loop.run_in_executor(_pool(request), store, chunks())


def patience_s(size: int, elapsed_s: float) -> float:
    """How long the next bytes may take after so many in such a time; 0 or less: they are late."""
    return min(IDLE_S, IDLE_S + size / SLOWEST_BYTES_PER_S - elapsed_s)


async def _next(source: AsyncIterator[bytes], wait_s: float) -> bytes:
    """The next bytes, never empty; empty at the end."""
    if wait_s <= 0:
        raise stopped()
    try:
        async with asyncio.timeout(wait_s):
            async for chunk in source:
                if chunk:
                    return chunk
    except (ClientDisconnect, TimeoutError):
        raise stopped() from None
    return b""


def _pool(request: Request) -> ThreadPoolExecutor:
    state = request.app.state
    if not hasattr(state, "uploads"):
        state.uploads = ThreadPoolExecutor(_UPLOADS_AT_ONCE, thread_name_prefix="upload")
    pool: ThreadPoolExecutor = state.uploads
    return pool


def stopped() -> Interrupted:
    return Interrupted("the body stopped before its end, or came too slowly to wait for it")


def too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than {max_bytes} bytes", max_size=max_bytes)
