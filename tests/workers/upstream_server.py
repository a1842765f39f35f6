"""A small upstream on the loopback interface that answers as it was told to."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from dataclasses import dataclass, field


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Told:
    document: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    hang_up: bool = False
    """Read the question and answer nothing."""
    gate: threading.Event | None = None
    """Answer when it is set."""


class UpstreamServer:
    """``tell("GET /x", Told(...), ...)``: one answer after the other, the last one for ever."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self.asked = []
        self._answers = {}

    def tell(self, words, *answers):
        self._answers[words] = list(answers)

    def of(self, words):
        return [one for one in self.asked if f"{one.method} {one.path}".startswith(words)]

    def answer(self, asked):
        self.asked.append(asked)
        said = f"{asked.method} {asked.path}"
        fits = [words for words in self._answers if said.startswith(words)]
        if not fits:
            return Told({"detail": f"nobody told me of {said}"}, 404)
        answers = self._answers[max(fits, key=len)]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextlib.contextmanager
def upstream_server():
    class Handler(http.server.BaseHTTPRequestHandler):
        def _reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = made.answer(Asked(self.command, self.path, headers, body))
            if told.gate is not None:
                told.gate.wait(60)
            if told.hang_up:
                self.close_connection = True
                return
            content = told.body if told.body is not None else json.dumps(told.document).encode()
            with contextlib.suppress(OSError):  # who asked may have left
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = _reply  # noqa: N815 - the base class looks for these names

        def log_message(self, *_args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made = UpstreamServer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
