"""Files that PyPI's ``fal-client`` brings through what takes no more of a body than a Lambda's URL."""

from __future__ import annotations

import contextlib
import gc
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fal_client
import fal_client.client as module
import httpx
import pytest

from pilotlight import clients
from tests.live import KEY

MOST_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Of an invocation's event, in which a body that is no text stands as base64."""
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def function_url(port: int) -> type[BaseHTTPRequestHandler]:
    """Hands requests on to this machine's ``port``, but for those that a Lambda would not see."""

    class FunctionUrl(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if len(body) * 4 / 3 + len(str(self.headers)) > MOST_PAYLOAD_BYTES:
                self._say(413, {}, b'{"Message":"Request Entity Too Large"}')
                return
            ours = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            with contextlib.closing(ours):
                ours.request(self.command, self.path, body, dict(self.headers))
                answer = ours.getresponse()
                self._say(answer.status, dict(answer.getheaders()), answer.read())

        do_GET = do_POST = do_PUT = _any  # noqa: N815 - the base class's names

        def _say(self, status, headers, body):
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return FunctionUrl


@pytest.fixture
def client(live, monkeypatch):
    for name in (*clients._GLOBALS, *clients._SIZES):
        monkeypatch.setattr(module, name, getattr(module, name))
    server = ThreadingHTTPServer(("127.0.0.1", 0), function_url(live.port))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    clients.connect_fal(f"http://127.0.0.1:{server.server_port}")
    made = fal_client.SyncClient(key=KEY)
    yield made
    made._client.close()
    gc.collect()  # it leaves sockets to the garbage collector
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("size", [4 * 1024 * 1024, 9_000_001], ids=["one post", "parts"])
def test_a_file_goes_up_whatever_its_size(client, tmp_path, size):
    path = tmp_path / "film.bin"
    path.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))

    urls = [client.upload_file(path), client.upload(path.read_bytes(), "video/mp4")]

    for url in urls:
        assert httpx.get(url).content == path.read_bytes()
