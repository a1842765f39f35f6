"""A Lambda event of a Function URL (payload format 2.0) through the ASGI app, answered as a whole.

For where AWS's own Python runtime invokes a handler, which can only answer as a whole: a stream is
gathered here until it ends, or until the invocation is nearly over. :mod:`.lambda_stream` hands on
what happens while it happens.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import unquote

Event = Mapping[str, Any]
App = Callable[..., Awaitable[None]]

_MARGIN_S: Final = 2.0
"""Kept of the invocation's time to answer with what there is."""
_TEXTS: Final = ("text/", "application/json", "application/problem+json", "application/javascript")


_NOT_PASSED_ON: Final = ("set-cookie", "transfer-encoding", "connection")
"""Cookies have a place of their own; the others are of this connection and not of the caller's."""


class Bridge:
    """One app, one event loop, one invocation at a time. The app's lifespan begins with it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._runner = asyncio.Runner()
        self._life: asyncio.Task[None] | None = None
        self._over: asyncio.Event | None = None
        try:
            self._runner.run(self._begin())
        except BaseException:
            self._runner.close()
            raise

    async def _begin(self) -> None:
        self._over, up = asyncio.Event(), asyncio.Event()
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked and self._over is not None:
                await self._over.wait()
                return {"type": "lifespan.shutdown"}
            asked = True
            return {"type": "lifespan.startup"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                up.set()

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._life = asyncio.ensure_future(self.app(scope, receive, send))
        waiting = asyncio.ensure_future(up.wait())
        await asyncio.wait({self._life, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not up.is_set():
            self._life.result()  # what went wrong at its start

    def close(self) -> None:
        async def end() -> None:
            if self._over is not None and self._life is not None:
                self._over.set()
                await self._life

        self._runner.run(end())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """On the app's own loop, which stands still in between."""
        self._runner.run(work)

    def __call__(self, event: Event, *, within_s: float) -> dict[str, Any]:
        return self._runner.run(self._answer(event, within_s))

    async def _answer(self, event: Event, within_s: float) -> dict[str, Any]:
        answer, body = _Answer(), body_of(event)
        gone = asyncio.Event()
        told = False

        async def receive() -> dict[str, Any]:
            nonlocal told
            if told:
                await gone.wait()
                return {"type": "http.disconnect"}
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        running = asyncio.ensure_future(self.app(scope_of(event), receive, answer.take))
        await asyncio.wait({running}, timeout=max(0.1, within_s - _MARGIN_S))
        gone.set()
        if not running.done():
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        else:
            running.result()
        return answer.whole()


class _Answer:
    """What the app sends, put together."""

    def __init__(self) -> None:
        self._status = 504
        self._headers: list[tuple[str, str]] = [("content-type", "application/json")]
        self._body = bytearray()

    async def take(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], _headers_of(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")

    def whole(self) -> dict[str, Any]:
        head = _head(self._status, self._headers)
        body, coded = _told(bytes(self._body), head["headers"].get("content-type", ""))
        return head | {"body": body, "isBase64Encoded": coded}


def prelude_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Status, headers and cookies of an answer whose body follows."""
    return _head(message["status"], _headers_of(message))


def _headers_of(message: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in message["headers"]
    ]


def _head(status: int, headers: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": _joined(pair for pair in headers if pair[0] not in _NOT_PASSED_ON),
        "cookies": [value for name, value in headers if name == "set-cookie"],
    }


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _told(body: bytes, content_type: str) -> tuple[str, bool]:
    if content_type.startswith(_TEXTS):
        with contextlib.suppress(UnicodeDecodeError):
            return body.decode(), False
    return base64.b64encode(body).decode(), True


def body_of(event: Event) -> bytes:
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def scope_of(event: Event) -> dict[str, Any]:
    """The ASGI connection scope. Raises KeyError for what is no such event."""
    http = event["requestContext"]["http"]
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if event.get("cookies"):
        headers["cookie"] = "; ".join(event["cookies"])
    path = event["rawPath"] or "/"
    host = headers.get("host", event["requestContext"].get("domainName", ""))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": http["method"],
        "scheme": headers.get("x-forwarded-proto", "https"),
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": (event.get("rawQueryString") or "").encode(),
        "headers": [
            (name.encode("latin-1"), value.encode("utf-8")) for name, value in headers.items()
        ],
        "client": (http.get("sourceIp", ""), 0),
        "server": (host.partition(":")[0], 443),
        "state": {},
    }
