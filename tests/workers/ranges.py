"""A server of ranges that fails as it is told to, in this process."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Ranges(ThreadingHTTPServer):
    """``files`` by path. ``drop_after`` breaks off each answer after so many bytes, ``drops`` times;
    ``answer_with`` is a status instead; ``spoil`` flips the first byte of so many answers;
    ``good_for`` is how many requests a link is good for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.drop_after, self.drops, self.spoil = 0, 0, 0
        self.answer_with, self.good_for = 0, 1_000_000
        self.says_range = ""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server, path = self.server, self.path.partition("?")[0]
        wanted = self.headers.get("Range", "")
        server.asked.append((path, wanted))
        body = server.files[path]
        if len(server.asked) > server.good_for:
            server.answer_with = 403
        if server.answer_with or self.headers.get("If-Match", '"1"') != '"1"':
            self.send_response(server.answer_with or 412)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        piece = bytearray(body[first : last + 1])
        self.send_response(206)
        said = server.says_range or f"bytes {first}-{last}/{len(body)}"
        self.send_header("Content-Range", said)
        self.send_header("Content-Length", str(len(piece)))
        self.end_headers()
        if server.spoil:
            server.spoil -= 1
            piece[0] ^= 1
        if server.drops:
            server.drops -= 1
            self.wfile.write(piece[: server.drop_after])
            self.close_connection = True
            return
        with contextlib.suppress(OSError):
            self.wfile.write(piece)


@contextlib.contextmanager
def serving():
    server = Ranges()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
