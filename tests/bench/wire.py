"""HTTP/1.1 over one kept-alive connection, thin enough that the client is not what is measured.

:class:`Reply` parses, :class:`Wire` talks and blocks (one client), :class:`AsyncWire` talks and
awaits (many clients in one loop). Neither pipelines: one request, then its reply.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final, NamedTuple, cast

import httptools

HOST: Final = "127.0.0.1"
TIMEOUT_S: Final = 30.0
"""Longest wait for a reply; a system that stays silent longer is broken, not slow."""


class Answer(NamedTuple):
    status: int
    body: bytes


def request(method: str, path: str, headers: str = "", body: bytes = b"") -> bytes:
    """The bytes of one request; ``headers`` are whole lines, each ending in CRLF."""
    head = f"{method} {path} HTTP/1.1\r\nhost: {HOST}\r\n{headers}"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


class Reply:
    """Collects one answer after another from the bytes of a connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self.answer: Answer | None = None

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        self.answer = Answer(self._parser.get_status_code(), b"".join(self._parts))
        self._parts.clear()

    def take(self) -> Answer | None:
        answer, self.answer = self.answer, None
        return answer


class Wire:
    """Blocking. Raises OSError when the other side is gone or silent."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reply = Reply()

    def ask(self, message: bytes) -> Answer:
        self._socket.sendall(message)
        while (answer := self._reply.take()) is None:
            data = self._socket.recv(65_536)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            self._reply.feed(data)
        return answer

    def close(self) -> None:
        self._socket.close()


class AsyncWire(asyncio.Protocol):
    """Awaits. Raises ConnectionResetError when the other side is gone."""

    def __init__(self) -> None:
        self._reply = Reply()
        self._waiting: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(cls, port: int) -> AsyncWire:
        _, wire = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        self._reply.feed(data)
        answer = self._reply.take()
        if answer is not None and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionResetError("the server hung up"))

    async def ask(self, message: bytes) -> Answer:
        if self._transport is None:
            raise ConnectionResetError("the server hung up")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return await self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
