"""A file that its ingress does not hand on itself: whoever asks is sent where it lies."""

from __future__ import annotations

import asyncio
import io
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pilotlight.cli.client import Api
from pilotlight.client import AsyncClient, Client
from pilotlight.errors import PilotlightError

BODY = b"pixels" * 1000


@contextmanager
def served(answer):
    """``answer`` gives status, headers and body for a path; yields the URL and the keys that came."""
    keys = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            keys.append(self.headers.get("authorization"))
            status, headers, body = answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", keys
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def house():
    """Its URL, and the keys that came to where its files lie."""
    with served(lambda path: (200, {}, BODY if path == "/there?a=b%2Fc" else b"")) as (store, keys):
        there = {"location": f"{store}/there?a=b%2Fc"}
        with served(lambda _: (307, there, b"")) as (url, _):
            yield url, keys


def test_the_command_line_goes_there_without_its_key(house):
    url, keys = house
    into = io.BytesIO()

    Api(url, "secret").download(f"{url}/files/grant/film.mp4", into)

    assert into.getvalue() == BODY
    assert keys == [None]


def test_both_clients_go_there_without_their_key(house, tmp_path):
    url, keys = house

    async def there():
        async with AsyncClient(url, "secret") as client:
            return await client.download(f"{url}/files/grant/film.mp4", tmp_path / "b")

    with Client(url, "secret") as client:
        assert client.download(f"{url}/files/grant/film.mp4", tmp_path / "a").read_bytes() == BODY
    assert asyncio.run(there()).read_bytes() == BODY
    assert keys == [None, None]


def test_nobody_is_sent_round_for_ever():
    with (
        served(lambda _: (307, {"location": "/again"}, b"")) as (url, keys),
        pytest.raises(PilotlightError, match="307"),
    ):
        Api(url).download(f"{url}/files/grant/film.mp4", io.BytesIO())
    assert len(keys) == 4
