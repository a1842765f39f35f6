"""A webhook receiver that fails by chance, and remembers which posts it said yes to."""

from __future__ import annotations

import contextlib
import http.server
import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAILS = ("500", "drops", "drops unread", "takes it and drops", "is slow")
_CHANCES = (0.10, 0.03, 0.03, 0.03, 0.02)
_SLOW_S = 0.5


@dataclass(frozen=True)
class Post:
    webhook_id: str
    at: float
    body: dict[str, Any]
    heard: bool
    """Answered with 2xx; otherwise the sender cannot know that it came."""


@dataclass
class Flaky:
    """``url`` is where to post; ``calm`` ends the failures."""

    seed: int
    url: str = ""
    posts: dict[str, list[Post]] = field(default_factory=dict)
    """By request id, in order of arrival."""
    failed: int = 0
    calm: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._rng = random.Random(f"receiver {self.seed}")

    def mood(self) -> str:
        with self._lock:
            drawn = self._rng.random()
            for name, chance in zip(_FAILS, _CHANCES, strict=True):
                if drawn < chance and not self.calm.is_set():
                    self.failed += name != "is slow"
                    return name
                drawn -= chance
        return "well"

    def note(self, headers: Any, body: bytes, *, heard: bool) -> None:
        said = json.loads(body)
        post = Post(headers["webhook-id"], time.time(), said, heard)
        with self._lock:
            self.posts.setdefault(said["request_id"], []).append(post)


class _Hook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    flaky: Flaky

    def do_POST(self) -> None:
        mood = self.flaky.mood()
        self.close_connection = "drops" in mood
        if mood == "drops unread":
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if mood == "is slow":
            threading.Event().wait(_SLOW_S)
        if mood in ("well", "is slow", "takes it and drops"):
            self.flaky.note(self.headers, body, heard=not self.close_connection)
        if not self.close_connection:
            self._answer(500 if mood == "500" else 204)

    def _answer(self, status: int) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args: object) -> None:
        """A sender that was killed in the middle of its post is part of the storm."""


@contextlib.contextmanager
def flaky_receiver(seed: int) -> Iterator[Flaky]:
    made = Flaky(seed)
    with _Server(("127.0.0.1", 0), type("Hook", (_Hook,), {"flaky": made})) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
