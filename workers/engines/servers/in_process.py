"""A server's application, asked inside its own process: its HTTP contract without a socket.

An engine's server is the part of it that its makers keep stable, and that knows templates, tools
and schemas; calling it here costs no port, no second process and no copy through the kernel.
ASGI 3.0, https://asgi.readthedocs.io/en/latest/specs/www.html.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Message = dict[str, Any]
    Application = Callable[
        [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
        Awaitable[None],
    ]


_MANNERS_S: Final = 0.5
"""So long an application may take to end by itself. To be cancelled is not enough for one that
waits for a task of its own: only being told that its client has left ends that too."""


class BrokeOff(Exception):
    """The application ended without an answer, or in the middle of one."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    pieces: AsyncIterator[bytes]

    async def body(self) -> bytes:
        return b"".join([piece async for piece in self.pieces])


@asynccontextmanager
async def post(app: Application, path: str, document: Any) -> AsyncIterator[Reply]:
    """Leaving the block ends the request, as a client that hangs up does. Raises BrokeOff."""
    said: asyncio.Queue[Message | None] = asyncio.Queue()
    left = asyncio.Event()
    task = asyncio.ensure_future(_call(app, path, json.dumps(document).encode(), said, left))
    try:
        head = await said.get()
        if head is None:
            raise BrokeOff(_why(task))
        yield Reply(head["status"], _pieces(said, task))
    finally:
        left.set()
        await asyncio.wait({task}, timeout=_MANNERS_S)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


async def _call(
    app: Application,
    path: str,
    body: bytes,
    said: asyncio.Queue[Message | None],
    left: asyncio.Event,
) -> None:
    told = False

    async def receive() -> Message:
        nonlocal told
        if told:
            await left.wait()
            return {"type": "http.disconnect"}
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        said.put_nowait(message)

    try:
        await app(_scope(path, len(body)), receive, send)
    finally:
        said.put_nowait(None)


def _scope(path: str, size: int) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(size).encode()),
        ],
        "client": None,
        "server": ("in-process", 0),
    }


async def _pieces(
    said: asyncio.Queue[Message | None], task: asyncio.Future[None]
) -> AsyncIterator[bytes]:
    while (message := await said.get()) is not None:
        if message.get("body"):
            yield message["body"]
        if message["type"] == "http.response.body" and not message.get("more_body"):
            return
    raise BrokeOff(_why(task))


def _why(task: asyncio.Future[None]) -> str:
    error = task.exception() if task.done() and not task.cancelled() else None
    return f"no answer: {error!r}" if error else "no answer"
