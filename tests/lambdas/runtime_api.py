"""Lambda's side of its Runtime API, and the caller behind it, over real connections."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE_S = 60
_BASE = "/2018-06-01/runtime"
_OVER = object()


class Exchange:
    """One invocation, as its caller sees it."""

    def __init__(self, number, event, seconds):
        self.id, self.event = f"invocation-{number}", event
        self.deadline_ms = int((time.time() + seconds) * 1000)
        self.headers, self.error, self.trailers = {}, None, {}
        self._chunks, self._seen = queue.Queue(), b""
        self._connection = None

    # The caller

    def prelude(self):
        """Status, headers and cookies; what follows them is the body."""
        while b"\0" * 8 not in self._seen:
            self._seen += self._chunk()
        head, _, rest = self._seen.partition(b"\0" * 8)
        self._seen = rest
        return json.loads(head)

    def read(self, until=None):
        """The body up to and with ``until``, or to its end."""
        while until is None or until not in self._seen:
            chunk = self._chunk()
            if chunk is _OVER:
                break
            self._seen += chunk
        assert until is None or until in self._seen
        cut = len(self._seen) if until is None else self._seen.index(until) + len(until)
        found, self._seen = self._seen[:cut], self._seen[cut:]
        return found

    def _chunk(self):
        return self._chunks.get(timeout=PATIENCE_S)

    def ended(self):
        """Wait for the end: the error that trailers or the error path tell of, or None."""
        while self._chunk() is not _OVER:
            pass
        if "Lambda-Runtime-Function-Error-Body" in self.trailers:
            return json.loads(base64.b64decode(self.trailers["Lambda-Runtime-Function-Error-Body"]))
        return self.error

    def leave(self):
        """The caller goes away in the middle of it."""
        self._connection.shutdown(socket.SHUT_RDWR)


class RuntimeApi:
    """Use as a context. ``invoke`` puts an event where ``next`` finds it."""

    def __init__(self):
        self._waiting, self._known, self.never_began = queue.Queue(), {}, queue.Queue()
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"api": self})
        )
        self._server.daemon_threads = True
        self.place = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc):
        self._waiting.put(None)
        self._server.shutdown()
        self._server.server_close()

    def invoke(self, event, *, seconds=60):
        exchange = Exchange(len(self._known), event, seconds)
        self._known[exchange.id] = exchange
        self._waiting.put(exchange)
        return exchange


class _Handler(BaseHTTPRequestHandler):
    api: RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        assert self.path == f"{_BASE}/invocation/next"
        exchange = self.api._waiting.get()
        if exchange is None:
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

    def do_POST(self):
        if self.path == f"{_BASE}/init/error":
            self.api.never_began.put(self._whole())
            self._accepted()
            return
        *_, own_id, kind = self.path.split("/")
        exchange = self.api._known[own_id]
        exchange.headers, exchange._connection = self.headers, self.connection
        if kind == "error":
            exchange.error = self._whole()
        else:
            assert kind == "response"
            with contextlib.suppress(OSError, ValueError):
                self._pieces(exchange)
        exchange._chunks.put(_OVER)
        with contextlib.suppress(OSError):
            self._accepted()

    def _whole(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _pieces(self, exchange):
        while size := int(self.rfile.readline(), 16):
            exchange._chunks.put(self.rfile.read(size))
            assert self.rfile.read(2) == b"\r\n"
        while line := self.rfile.readline().strip():
            name, _, value = line.decode().partition(": ")
            exchange.trailers[name] = value

    def _accepted(self):
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args):
        pass
