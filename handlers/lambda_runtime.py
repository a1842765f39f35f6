"""Lambda's Runtime API as a runtime of its own speaks it: version 2018-06-01, plain HTTP, one at a time.

AWS's Python runtime can only answer as a whole. The API behind it takes an answer in pieces: a
chunked request whose body begins with a JSON prelude and eight zero bytes, and whose trailers say
what went wrong after it began. So the runtime is replaced, by what ``infra/ingress.sh`` starts.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_BASE: Final = "/2018-06-01/runtime"
_PRELUDE: Final = "application/vnd.awslambda.http-integration-response"
_ENDS_PRELUDE: Final = bytes(8)
_MODE: Final = "Lambda-Runtime-Function-Response-Mode"
_KIND: Final = "Lambda-Runtime-Function-Error-Type"
_BODY: Final = "Lambda-Runtime-Function-Error-Body"
_SAME: Final = "Lambda-Runtime-Invocation-Id"
"""Newer hosts send it and want it back."""
_SAID_S: Final = 5.0
"""The API answers at once; without an answer the invocation is over all the same."""


class HungUp(Exception):
    """Nobody takes the rest of this answer."""


@dataclass(frozen=True, slots=True)
class Invocation:
    id: str
    event: Mapping[str, Any]
    deadline_at: float
    """Seconds since the epoch; then the process is killed."""
    marks: Mapping[str, str]
    """Headers that go back with whatever is said about it."""


class RuntimeApi:
    """``place``: host and port, as Lambda's environment has them."""

    def __init__(self, place: str) -> None:
        self._host, _, port = place.partition(":")
        self._port = int(port or 80)

    def next(self) -> Invocation:
        """Waits for as long as it takes; the process is frozen meanwhile. Raises OSError."""
        with contextlib.closing(self._connection()) as connection:
            connection.request("GET", f"{_BASE}/invocation/next")
            answer = connection.getresponse()
            said, headers = answer.read(), answer.headers
        if answer.status != http.client.OK:
            raise ConnectionError(f"the Runtime API answered {answer.status}")
        marked = headers.get(_SAME)
        return Invocation(
            headers["Lambda-Runtime-Aws-Request-Id"],
            json.loads(said),
            int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000,
            {_SAME: marked} if marked else {},
        )

    def refuse(self, invocation: Invocation, kind: str, words: str) -> None:
        """It failed before anything was answered: the caller gets 502. Raises OSError."""
        self._post(f"/invocation/{invocation.id}/error", kind, words, invocation.marks)

    def never_began(self, words: str) -> None:
        """This process cannot serve; Lambda starts another one. Raises OSError."""
        self._post("/init/error", "Runtime.InitError", words, {})

    def _post(self, path: str, kind: str, words: str, marks: Mapping[str, str]) -> None:
        with contextlib.closing(self._connection(_SAID_S)) as connection:
            connection.request("POST", _BASE + path, _told(kind, words), {_KIND: kind, **marks})
            connection.getresponse().read()

    def _connection(self, timeout_s: float | None = None) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)

    async def answer(self, invocation: Invocation, prelude: Mapping[str, Any]) -> Answer:
        """Begin it: status, headers and cookies. Raises HungUp."""
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        except OSError as error:
            raise HungUp(str(error)) from error
        answer = Answer(reader, writer)
        head = {
            "Host": f"{self._host}:{self._port}",
            "Transfer-Encoding": "chunked",
            "Content-Type": _PRELUDE,
            _MODE: "streaming",
            "Trailer": f"{_KIND}, {_BODY}",
            **invocation.marks,
        }
        lines = [f"POST {_BASE}/invocation/{invocation.id}/response HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in head.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        await answer.write(json.dumps(prelude).encode() + _ENDS_PRELUDE)
        return answer


def _told(kind: str, words: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": words, "stackTrace": []}).encode()


class Answer:
    """One under way. Whoever gets HungUp need not say any more."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        # The API speaks when everything was said; if it speaks or hangs up before, nobody listens.
        self.over = asyncio.ensure_future(reader.read(65536))

    async def write(self, data: bytes) -> None:
        """It leaves at once, or waits until the caller has taken what came before."""
        if data:
            await self._send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        await self._last(b"0\r\n\r\n")

    async def fail(self, kind: str, words: str) -> None:
        """What was sent so far is cut off, so that nobody takes it for the whole."""
        body = base64.b64encode(_told(kind, words)).decode()
        await self._last(f"0\r\n{_KIND}: {kind}\r\n{_BODY}: {body}\r\n\r\n".encode("ascii"))

    async def _last(self, data: bytes) -> None:
        with contextlib.suppress(HungUp, TimeoutError, OSError):
            await self._send(data)
            await asyncio.wait_for(asyncio.shield(self.over), _SAID_S)
        await self.close()

    async def _send(self, data: bytes) -> None:
        if self.over.done():
            raise HungUp
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise HungUp(str(error)) from error

    async def close(self) -> None:
        self.over.cancel()
        self._writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._writer.wait_closed()
        await asyncio.gather(self.over, return_exceptions=True)
