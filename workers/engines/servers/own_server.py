"""An engine that only has an HTTP server: started beside the model's process, asked over loopback.

It ends with the process that started it, however that ends (Linux), and nobody else can ask it: it
listens on loopback and wants a key that is made up for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from pilotlight import WorkerError, stage
from workers.engines.servers.in_process import BrokeOff, Reply
from workers.engines.vllm.engine import Vllm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    Document = dict[str, Any]

HOST: Final = "127.0.0.1"
_LOOK_S: Final = 0.2
"""Between two looks whether it is ready."""
_GRACE_S: Final = 10
"""How long it may take to leave."""
_PIECE_BYTES: Final = 64 * 1024
_DIES_WITH_ME: Final = (
    "import ctypes, os, signal, sys;"
    "sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, signal.SIGKILL);"
    "os.getppid() == int(sys.argv[1]) or sys.exit();"
    "os.execvp(sys.argv[2], sys.argv[2:])"
)
"""1 is PR_SET_PDEATHSIG, which outlives exec: prctl(2). A parent that died before it was set is
another one by then."""


class OwnServer(Vllm):
    """Asked as vLLM's own server is. ``load`` and the questions belong on the same event loop."""

    def __init__(
        self, command: Sequence[str], /, *, model: str, jobs: int, healthy: str = "/health"
    ) -> None:
        """``command`` may name ``{port}`` and ``{key}``; ``healthy`` answers 200 when it is ready.

        ``model`` is what requests call it, ``jobs`` how many of them there are at a time.
        """
        self._command, self._model, self._healthy = tuple(command), model, healthy
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="own-server")
        self._key, self._port = secrets.token_urlsafe(24), 0
        self._engine: _Process | None = None

    async def load(self, *, memory_gib: int | None = None) -> None:  # noqa: ARG002 - the command says it
        """Start it and wait until it is ready; the worker's ``load_timeout_s`` is the limit.

        Raises WorkerError when it ends before.
        """
        self._port = _free_port()
        filled = [
            one.replace("{port}", str(self._port)).replace("{key}", self._key)
            for one in self._command
        ]
        with stage("weights"):
            self._engine = _Process(filled)
            while not await self._on_thread(self._is_ready):
                if self._engine.errored:
                    raise WorkerError(f"the server ended before it was ready: {filled[0]}")
                await asyncio.sleep(_LOOK_S)

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, self._port, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", self._healthy)
                return connection.getresponse().status == 200
        return False

    @contextlib.asynccontextmanager
    async def _asked(self, path: str, document: Document) -> AsyncIterator[Reply]:
        """Leaving hangs up, which such servers take for a cancel."""
        line = _Line(self._port)
        try:
            response = await self._on_thread(line.post, path, self._headers(), self._body(document))
            reply = Reply(response.status, self._pieces(response))
            if response.status != 200:
                raise self._refused(response.status, document, _told(await reply.body()))
            yield reply
        except (OSError, http.client.HTTPException, BrokeOff) as error:
            await asyncio.sleep(_LOOK_S)  # one that hangs up because it dies is dead a moment later
            raise self._refused(500, document, {"error": {"message": str(error)}}) from None
        finally:
            line.hang_up()

    def _headers(self) -> dict[str, str]:
        return {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}

    def _body(self, document: Document) -> str:
        return json.dumps({"model": self._model, **document})

    async def _pieces(self, response: http.client.HTTPResponse) -> AsyncIterator[bytes]:
        """Raises BrokeOff where the end is missing."""
        while True:
            try:
                piece = await self._on_thread(response.read1, _PIECE_BYTES)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise BrokeOff(str(error) or type(error).__name__) from None
            if not piece:
                return
            yield piece

    async def _on_thread(self, call: Any, *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *given)

    async def close(self) -> None:
        if self._engine is not None:
            await self._on_thread(self._engine.stop)
        self._threads.shutdown(wait=False)


class _Process:
    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the worker's own words
            [sys.executable, "-c", _DIES_WITH_ME, str(os.getpid()), *command]
        )

    @property
    def errored(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Line:
    """One request's connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port)
        self._socket: socket.socket | None = None
        self._response: http.client.HTTPResponse | None = None

    def post(self, path: str, headers: dict[str, str], body: str) -> http.client.HTTPResponse:
        self._connection.connect()
        self._socket = self._connection.sock
        self._connection.request("POST", path, body, headers)
        self._response = self._connection.getresponse()
        return self._response

    def hang_up(self) -> None:
        """Also wakes a thread that waits for the next piece."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._response is not None:  # after "Connection: close" the socket is its own
            self._response.close()
        self._connection.close()


def _told(body: bytes) -> Document:
    """An error as OpenAI has it; SGLang's says it without the ``error`` around it."""
    with contextlib.suppress(ValueError):
        found = json.loads(body)
        if isinstance(found, dict):
            return found if isinstance(found.get("error"), dict) else {"error": found}
    return {"error": {"message": body[:200].decode(errors="replace")}}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
