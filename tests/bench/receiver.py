"""A loopback webhook receiver that notes when each delivery arrived."""

from __future__ import annotations

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.bench.wire import HOST

if TYPE_CHECKING:
    from pilotlight.ports.clock import Clock


class Arrival(NamedTuple):
    job_id: str
    at: float
    """Seconds since the epoch, when the head of the POST had been read."""


class Receiver:
    """``with`` serves it in a thread; ``next`` waits for one arrival."""

    def __init__(self, clock: Clock) -> None:
        arrivals = self._arrivals = queue.SimpleQueue[Arrival]()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                at = clock.now()
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()
                arrivals.put(Arrival(json.loads(body)["request_id"], at))

            def log_message(self, *_: object) -> None:
                """Nothing: standard error belongs to the report."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_address[1]}/webhook"

    def next(self, timeout_s: float) -> Arrival:
        """Raises queue.Empty when none comes in time."""
        return self._arrivals.get(timeout=timeout_s)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
