"""How much and how slowly a stranger may send before there is a request that asks for a key.

uvicorn's parser takes a head of any length and waits for it for ever: memory and file descriptors,
for whoever reaches the port. Time is looked at once a second for all connections together, so that
a request costs no timer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MOST_HEAD_BYTES: Final = 64 * 1024
"""The request's line and its headers together."""
HEAD_S: Final = 90.0
"""For a whole head; longer than a connection is kept that has nothing to ask."""
BODY_S: Final = 60.0
"""Between two pieces of a body."""
_TOO_LARGE: Final = STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with ends to its patience."""

    _in_head = False
    _head_bytes = 0
    _waits_since: float | None = None
    """When what it waits for was begun, or last came on; None while it waits for nothing."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._waits_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                if not self._is_answering:
                    self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._waits_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._waits_since = self.loop.time()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._waits_since = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._waits_since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._waits_since is None:
            self._waits_since = self.loop.time()
        super().on_response_complete()

    @property
    def _is_answering(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn declares
        return cycle is not None and not cycle.response_complete

    def look(self, now: float) -> None:
        """Close the connection if what it waits for is late."""
        if self._waits_since is None or self.transport.is_closing():
            return
        in_body = self._is_answering and not self._in_head
        if self.flow.read_paused or (self._is_answering and not in_body):
            self._waits_since = now  # the delay is ours
        elif now - self._waits_since > (BODY_S if in_body else HEAD_S):
            self.transport.close()


def look_at(connections: Iterable[Any], *, now: float) -> None:
    """Those that speak HTTP; sockets have manners of their own."""
    for connection in tuple(connections):
        if isinstance(connection, BoundedProtocol):
            connection.look(now)
