"""A way between two servers at which requests can be stopped, before they pass or when they return.

::

    with turnstile(upper.url) as gate:
        step = gate.stop("POST /queue", after=True)   # the next one that begins with this pattern
        step.reached()                                # it is there, its answer is not
        step.open()
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import re
import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.live import PATIENCE_S


@dataclass
class Step:
    """One request that is stopped. Whoever waits for it may be dead when it opens."""

    words: str
    after: bool
    _reached: threading.Event = field(default_factory=threading.Event)
    _open: threading.Event = field(default_factory=threading.Event)

    def reached(self):
        assert self._reached.wait(PATIENCE_S), f"nobody asked {self.words}"

    def open(self):
        self._open.set()

    def hold(self):
        self._reached.set()
        self._open.wait(PATIENCE_S)


class Turnstile:
    def __init__(self, port, upper):
        self.url, self._upper = f"http://127.0.0.1:{port}", urlsplit(upper).netloc
        self._steps, self._lock = [], threading.Lock()
        self.passed = []
        """``(method, path, idempotency key)`` of every request, in order."""

    def stop(self, words, *, after=False):
        step = Step(words, after)
        with self._lock:
            self._steps.append(step)
        return step

    def _step(self, asked):
        with self._lock:
            found = next((step for step in self._steps if re.match(step.words, asked)), None)
            if found is not None:
                self._steps.remove(found)
        return found

    def answer(self, method, path, headers, body):
        self.passed.append((method, path, headers.get("idempotency-key")))
        step = self._step(f"{method} {path}")
        if step is not None and not step.after:
            step.hold()
        connection = http.client.HTTPConnection(self._upper, timeout=PATIENCE_S)
        try:
            # Host stays ours: so the upper one's links lead through here too.
            connection.request(method, path, body=body, headers=headers)
            reply = connection.getresponse()
            said = reply.status, reply.getheaders(), reply.read()
        except OSError:
            said = 502, [], b"{}"
        finally:
            connection.close()
        if step is not None and step.after:
            step.hold()
        return said


@contextlib.contextmanager
def turnstile(upper):
    class Handler(http.server.BaseHTTPRequestHandler):
        def _pass(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, told, content = gate.answer(self.command, self.path, headers, body)
            with contextlib.suppress(OSError):  # who asked may be dead
                self.send_response(status)
                for name, value in told:
                    if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = _pass  # noqa: N815 - the base class looks for these names

        def log_message(self, *_args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        gate = Turnstile(server.server_address[1], upper)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield gate
        finally:
            server.shutdown()
            thread.join()
