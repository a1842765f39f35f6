"""One write per answer: uvicorn sends head and body apart, which wakes the client twice.

On a busy machine each wake-up is a turn of the scheduler, and a no-op job is five answers.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from handlers.bounded import BoundedProtocol

_AT_ONCE_BYTES: Final = 64 * 1024
"""More than this is sent right away, so that a large file is not held in memory."""


class GatheringTransport:
    """Sends what one step of the event loop wrote in one piece; all else is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > _AT_ONCE_BYTES:
            self.flush()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))


class GatheringProtocol(BoundedProtocol):
    """uvicorn's HTTP protocol, on such a transport."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(GatheringTransport(transport, self.loop))

    def on_response_complete(self) -> None:
        self.transport.flush()  # type: ignore[attr-defined]
        super().on_response_complete()
