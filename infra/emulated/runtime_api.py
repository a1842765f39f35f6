"""Lambda's side of its Runtime API, and the caller behind it, over real connections.

The emulator has none: it calls handlers. So what runs as a runtime of its own is given this one.
"""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE_S: Final = 60
_BASE: Final = "/2018-06-01/runtime"
_DELIMITER: Final = bytes(8)
_KIND: Final = "Lambda-Runtime-Function-Error-Body"


class Exchange:
    """One invocation, as its caller sees it. Each wait ends with queue.Empty after a minute."""

    def __init__(self, own_id: str, event: Mapping[str, Any], deadline_ms: int) -> None:
        self.id, self.event, self.deadline_ms = own_id, event, deadline_ms
        self.headers: Mapping[str, str] = {}
        self.trailers: dict[str, str] = {}
        self.error: Any = None
        self.chunks: queue.Queue[bytes | None] = queue.Queue()
        """None at the end."""
        self.connection: socket.socket | None = None
        self._seen = b""

    def prelude(self) -> Any:
        """Status, headers and cookies; what follows them is the body. Raises EOFError."""
        while _DELIMITER not in self._seen:
            self._read_on()
        head, _, self._seen = self._seen.partition(_DELIMITER)
        return json.loads(head)

    def read(self, until: bytes) -> bytes:
        """The body up to these words and with them. Raises EOFError when it ends before."""
        while until not in self._seen:
            self._read_on()
        cut = self._seen.index(until) + len(until)
        found, self._seen = self._seen[:cut], self._seen[cut:]
        return found

    def rest(self) -> bytes:
        """The body to its end."""
        with contextlib.suppress(EOFError):
            while True:
                self._read_on()
        return self._seen

    def _read_on(self) -> None:
        chunk = self.chunks.get(timeout=PATIENCE_S)
        if chunk is None:
            raise EOFError
        self._seen += chunk

    def ended(self) -> Any:
        """Wait for the end: the error that trailers or the error path tell of, or None."""
        self.rest()
        if _KIND in self.trailers:
            return json.loads(base64.b64decode(self.trailers[_KIND]))
        return self.error

    def leave(self) -> None:
        """The caller goes away in the middle of it."""
        if self.connection is not None:
            self.connection.shutdown(socket.SHUT_RDWR)


class RuntimeApi:
    """Use as a context. ``invoke`` puts an event where the runtime's next request finds it."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[Exchange | None] = queue.Queue()
        """None ends the runtime that asks next."""
        self.known: dict[str, Exchange] = {}
        self.never_began: queue.Queue[Any] = queue.Queue()
        """What a runtime said that could not start."""
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.place = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.waiting.put(None)
        self._server.shutdown()
        self._server.server_close()

    def invoke(self, event: Mapping[str, Any], *, deadline_at: float) -> Exchange:
        own_id = f"invocation-{len(self.known)}"
        exchange = self.known[own_id] = Exchange(own_id, event, int(deadline_at * 1000))
        self.waiting.put(exchange)
        return exchange


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A runtime that is killed in the middle of a word is nothing to report."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    api: RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        exchange = self.api.waiting.get()
        if exchange is None or self.path != f"{_BASE}/invocation/next":
            self.close_connection = True
            return
        body = json.dumps(exchange.event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", exchange.id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(exchange.deadline_ms))
        self.send_header("Lambda-Runtime-Invocation-Id", f"same-{exchange.id}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        if self.path == f"{_BASE}/init/error":
            self.api.never_began.put(self._whole())
            self._accept()
            return
        *_, own_id, kind = self.path.split("/")
        exchange = self.api.known[own_id]
        exchange.headers, exchange.connection = dict(self.headers), self.connection
        if kind == "error":
            exchange.error = self._whole()
        else:
            with contextlib.suppress(OSError, ValueError):
                self._pieces(exchange)
        exchange.chunks.put(None)
        with contextlib.suppress(OSError):
            self._accept()

    def _whole(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _pieces(self, exchange: Exchange) -> None:
        while size := int(self.rfile.readline(), 16):
            exchange.chunks.put(self.rfile.read(size))
            self.rfile.readline()
        while line := self.rfile.readline().strip():
            name, _, value = line.decode().partition(": ")
            exchange.trailers[name] = value

    def _accept(self) -> None:
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass
