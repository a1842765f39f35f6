"""AWS through a proxy that fails when told to: answers, silence and cut lines."""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import threading
import time
from collections import Counter
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RECEIVE = "ReceiveMessage"
FAULTS = ("503", "400", "403", "garbage", "drop")
_ERROR = b'{"__type":"com.amazonaws.sqs#%s","message":"told to fail"}'
_BODIES = {
    "503": (503, _ERROR % b"ServiceUnavailable"),
    "400": (400, _ERROR % b"InvalidParameterValue"),
    "403": (403, _ERROR % b"AccessDenied"),
    "garbage": (200, b"<html>this is no answer"),
}


class Proxy:
    """``fail(kind, times)`` spoils the next answers to ReceiveMessage, ``dark`` cuts every line."""

    def __init__(self, endpoint):
        self.upstream = endpoint.removeprefix("http://")
        self._faults = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.calls = Counter()
        """Requests that came, by operation."""
        self.held = Counter()
        """Those of them that wait for AWS, such as a long poll of an empty queue."""
        self.bodies = []
        """Of SendMessage."""
        self.failed = self.cut = 0
        self.dark = False
        self.ahead_s = 0.0
        """How much earlier than it is the answers say it is: by so much their readers' clocks are
        ahead of AWS's."""
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, kind, times=1):
        for _ in range(times):
            self._faults.put(kind)

    def fault_for(self, operation):
        if operation == RECEIVE:
            with contextlib.suppress(queue.Empty):
                return self._faults.get_nowait()
        return None

    def note(self, operation, body):
        with self._lock:
            self.calls[operation] += 1
            if operation == "SendMessage":
                self.bodies.append(body)

    @contextlib.contextmanager
    def holding(self, operation):
        with self._lock:
            self.held[operation] += 1
        try:
            yield
        finally:
            with self._lock:
                self.held[operation] -= 1

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """A line that somebody cut is what this proxy is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def _any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = self.headers.get("X-Amz-Target", self.command).rpartition(".")[2]
        if self.proxy.dark:
            self.proxy.cut += 1
            return self._cut()
        self.proxy.note(operation, body)
        fault = self.proxy.fault_for(operation)
        if fault is not None:
            self.proxy.failed += 1
            return self._cut() if fault == "drop" else self._answer(*_BODIES[fault])
        try:
            return self._forward(operation, body)
        except (OSError, http.client.HTTPException):
            return self._cut()

    do_POST = do_GET = do_PUT = do_DELETE = do_HEAD = _any  # noqa: N815 - the server's names

    def _forward(self, operation, body):
        connection = http.client.HTTPConnection(self.proxy.upstream, timeout=60)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
            with self.proxy.holding(operation):
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
            told = {name.title(): value for name, value in answer.getheaders()}
            told["Date"] = formatdate(time.time() - self.proxy.ahead_s, usegmt=True)
            self._answer(answer.status, answer.read(), told)
        finally:
            connection.close()

    def _answer(self, status, body, headers=None):
        given = headers or {"Content-Type": "application/x-amz-json-1.0"}
        self.send_response_only(status)
        for name, value in given.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _cut(self):
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_):
        """Quiet."""
