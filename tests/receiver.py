"""A webhook receiver on the loopback interface that remembers everything it was told."""

from __future__ import annotations

import contextlib
import http.server
import json
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Posted:
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.posted: queue.Queue[Posted] = queue.Queue()

    def next(self, patience_s: float = 60) -> Posted:
        return self.posted.get(timeout=patience_s)


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()
            made.posted.put(Posted({k.lower(): v for k, v in self.headers.items()}, body))

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        made = Receiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
