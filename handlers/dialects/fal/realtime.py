"""``wss://fal.run/ENDPOINT/realtime``: one socket, many inputs, one output for each.

Inputs come as msgpack (both clients' default) or JSON text; outputs go as JSON text, which both
clients read. A slow model skips inputs that are out of date: of those that wait, only the newest
``max_buffering`` are kept. Whatever runs is given up when the socket closes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import deque
from typing import Any

import msgpack
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from handlers.dialects.fal import answers, errors, wishes
from handlers.dialects.fal.access import admitted
from handlers.dialects.fal.paths import Target
from handlers.dialects.fal.wishes import RUN
from handlers.services import ask, services_of
from pilotlight.contracts.job import Job, JobError, JobStatus
from pilotlight.errors import MalformedBody, PilotlightError, RunTimeout
from pilotlight.observability.logs import failure

REALTIME = "realtime"
MOST_BUFFERED = 60
"""The clients' own limit for ``max_buffering``."""
_HEARD_S = 5.0
"""How long a socket that was refused stays open for its caller's first words: the clients read
only after they have written, and a socket that is closed by then tells them nothing of why."""
_GOODBYE, _BROKEN = 1000, 1011
"""Any close code but 1000 is an error to the JavaScript client."""


async def realtime(socket: WebSocket) -> None:
    """What goes wrong is said on the socket."""
    await socket.accept()
    try:
        caller, target = await admitted(socket, suffix=REALTIME)
        session = _Session(socket, target, caller)
    except PilotlightError as error:
        await _refuse(socket, error)
        return
    try:
        await session.live()
    except WebSocketDisconnect:
        return
    except Exception:  # noqa: BLE001 - the outermost edge: the socket is closed, the log says why
        failure("realtime.failed")
        await socket.close(_BROKEN)


async def _refuse(socket: WebSocket, error: PilotlightError) -> None:
    if error.http_status == 401:
        # The JavaScript client drops its token when it reads this, and asks for a new one.
        said = {"status": "error", "error": "Unauthorized", "reason": str(error)}
        await socket.send_text(json.dumps(said))
    else:
        await socket.send_text(_error_text(JobError.of(error)))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_HEARD_S):
            if (await socket.receive())["type"] == "websocket.disconnect":
                return
    await socket.close(_GOODBYE)


class _Session:
    """One open socket: a reader that fills the buffer, a runner that empties it."""

    def __init__(self, socket: WebSocket, target: Target, caller: str) -> None:
        self._socket, self._target, self._caller = socket, target, caller
        self._waiting: deque[bytes | str] = deque(maxlen=_buffering(socket))
        self._most_bytes = services_of(socket).settings.ingress.max_body_bytes
        self._came = asyncio.Event()
        self._submitted: asyncio.Future[Job] | None = None

    async def live(self) -> None:
        running = asyncio.ensure_future(self._run())
        reading = asyncio.ensure_future(self._read())
        try:
            await asyncio.wait((running, reading), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        finally:
            for task in (running, reading):
                task.cancel()
            await asyncio.gather(running, reading, return_exceptions=True)
            await self._give_up()

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            given = message.get("bytes")
            self._waiting.append(message["text"] if given is None else given)
            while sum(map(len, self._waiting)) > self._most_bytes:
                self._waiting.popleft()
            self._came.set()

    async def _run(self) -> None:
        while True:
            await self._came.wait()
            if not self._waiting:
                self._came.clear()
                continue
            try:
                text = await self._answer(_body(self._waiting.popleft()))
            except PilotlightError as error:
                text = _error_text(JobError.of(error))
            await self._socket.send_text(text)

    async def _answer(self, body: bytes) -> str:
        services = services_of(self._socket)
        services.quotas.request(self._caller)
        wish = wishes.submission(self._socket, self._caller, self._target, body)
        self._submitted = asyncio.ensure_future(services.submit(wish))
        # Shielded: a job that is being recorded while its caller leaves must still be given up.
        job = await asyncio.shield(self._submitted)
        timeout_s = services.settings.ingress.sync_timeout_s
        job = await services.control.wait(job.id, caller=self._caller, timeout_s=timeout_s)
        if not job.status.is_terminal:
            await self._give_up()
            raise RunTimeout(f"no result within {timeout_s:g} s", job_id=job.id)
        if job.status is not JobStatus.SUCCEEDED:
            return _error_text(services.control.error(job))
        return (await answers.output_of(self._socket, job)).decode()

    async def _give_up(self) -> None:
        """Cancel the newest job; all before it have ended."""
        if self._submitted is None:
            return
        services = services_of(self._socket)
        with contextlib.suppress(PilotlightError):
            job = await self._submitted
            await ask(services, services.control.cancel, job.id, caller=self._caller)


def _buffering(socket: WebSocket) -> int:
    text = socket.query_params.get("max_buffering", "")
    known = text.isascii() and text.isdigit() and len(text) <= 3
    return min(max(int(text), 1), MOST_BUFFERED) if known else MOST_BUFFERED


def _body(message: bytes | str) -> bytes:
    if isinstance(message, str):
        return message.encode("utf-8", "surrogatepass")  # what is no text is refused as a body
    try:
        document = msgpack.unpackb(message, raw=False)
        return json.dumps(document, default=_inline).encode()
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        raise MalformedBody("the message is neither JSON text nor msgpack") from None


def _inline(value: Any) -> str:
    """Bytes in an input are a file's content; what kind of file is told from its first bytes."""
    if isinstance(value, bytes):
        return "data:application/octet-stream;base64," + base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)


def _error_text(error: JobError) -> str:
    body = errors.body_of(error)
    said = {
        "type": "x-fal-error",
        "error": body.error_type.upper(),
        "reason": error.message,
        **body.content,
    }
    return json.dumps(said)


ROUTES = [WebSocketRoute(RUN + "/{path:path}", realtime)]
