"""Somebody's webhook receiver: a small HTTP server on this machine."""

from __future__ import annotations

import contextlib
import http.server
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.failure import StepFailed
from pilotlight.adapters.local.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Posted:
    """One delivery as it came. ``headers`` in lower case, ``at`` in seconds since the epoch."""

    headers: dict[str, str]
    body: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Receiver:
    url: str
    _posted: queue.Queue[Posted]

    def next(self, patience_s: float) -> Posted:
        """Raises StepFailed when nothing comes."""
        try:
            return self._posted.get(timeout=patience_s)
        except queue.Empty:
            raise StepFailed(f"no webhook came within {patience_s:.0f} s") from None


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    posted: queue.Queue[Posted] = queue.Queue()
    clock = SystemClock()

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            at = clock.now()
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()
            headers = {name.lower(): value for name, value in self.headers.items()}
            posted.put(Posted(headers, body, at))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing: the demo tells the story."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook", posted)
        finally:
            server.shutdown()
            thread.join()
