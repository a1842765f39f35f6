"""Server-sent events: a stream that notices at once when nobody listens any more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Standing = Callable[[], Awaitable[str]]
KEEP_ALIVE_S = 15.0
"""Proxies drop a connection that is silent for a minute."""


async def _here() -> str:
    return "still here"


def data(body: bytes, *, event: str = "") -> bytes:
    """One event. ``body`` is one line of JSON."""
    return (f"event: {event}\n".encode() if event else b"") + b"data: " + body + b"\n\n"


async def gone(receive: Receive) -> None:
    """Return when the client has left. The body must have been read before."""
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """``frames`` are sent as they come; comments in between keep the connection open.

    ``on_leave`` is awaited when the client goes away before the end, ``standing`` for each comment:
    one line.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        *,
        headers: Mapping[str, str],
        on_leave: Callable[[], Awaitable[object]] | None = None,
        standing: Standing = _here,
    ) -> None:
        super().__init__(
            headers={"cache-control": "no-store", "x-accel-buffering": "no", **headers}
        )
        del self.headers["content-length"]
        self._frames, self._on_leave, self._standing = frames, on_leave, standing

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002 - ASGI's signature
        receive: Receive,
        send: Send,
    ) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        pump = asyncio.ensure_future(self._pump(send))
        leaving = asyncio.ensure_future(gone(receive))
        try:
            await asyncio.wait((pump, leaving), return_when=asyncio.FIRST_COMPLETED)
            if pump.done():
                pump.result()
            elif self._on_leave is not None:
                await self._on_leave()
        finally:
            for task in (pump, leaving):
                task.cancel()
            await asyncio.gather(pump, leaving, return_exceptions=True)

    async def _pump(self, send: Send) -> None:
        async with contextlib.aclosing(self._frames) as frames:
            async for frame in kept_alive(frames, self._standing):
                await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def kept_alive(
    frames: AsyncIterator[bytes], standing: Standing = _here
) -> AsyncIterator[bytes]:
    """The frames, with a comment wherever none came for a while."""
    upcoming = asyncio.ensure_future(anext(frames, None))
    try:
        while True:
            await asyncio.wait((upcoming,), timeout=KEEP_ALIVE_S)
            if not upcoming.done():
                yield f": {await standing()}\n\n".encode()
                continue
            frame = upcoming.result()
            if frame is None:
                return
            yield frame
            upcoming = asyncio.ensure_future(anext(frames, None))
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
