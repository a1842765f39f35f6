"""Requests straight into the app, as a server hands them over: nothing in between tidies them up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

PATIENCE_S = 30


@dataclass
class Answered:
    status: int = 0
    headers: list = field(default_factory=list)
    size: int = 0
    body: bytes = b""


async def exchange(app, scope, body, *, breaks_off=False):
    """The answer; the client leaves when its body is sent, so that nothing is waited for.

    ``breaks_off``: it leaves before it has said that the body is over.
    """
    answered, chunks, left = Answered(), iter(body), 0 if breaks_off else 1

    async def receive():
        nonlocal left
        chunk = next(chunks, None)
        if chunk is not None:
            return {"type": "http.request", "body": chunk, "more_body": True}
        await asyncio.sleep(0)
        left -= 1
        if left == 0:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.start":
            answered.status, answered.headers = message["status"], message["headers"]
        else:
            answered.size += len(message.get("body", b""))
            answered.body += message.get("body", b"")[: 2**20 - len(answered.body)]

    async with asyncio.timeout(PATIENCE_S):
        await app(scope, receive, send)
    return answered


async def talk(app, scope, messages):
    """What a socket was told, each as the app sent it; the client leaves at the end."""
    queue = [
        {"type": "websocket.connect"},
        *messages,
        {"type": "websocket.disconnect", "code": 1000},
    ]
    told = []

    async def receive():
        await asyncio.sleep(0)
        return queue.pop(0) if queue else {"type": "websocket.disconnect", "code": 1000}

    async def send(message):
        told.append(message)

    async with asyncio.timeout(PATIENCE_S):
        await app(scope, receive, send)
    return told


def scope_of(method, path, *, query=b"", headers=(), kind="http"):
    sent = path.encode("utf-8", "surrogatepass")
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "ws" if kind == "websocket" else "http",
        "path": sent.decode("utf-8", "replace"),  # as uvicorn reads what is percent-encoded
        "raw_path": sent,
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "subprotocols": [],
        "state": {},
        "extensions": {},
    }
