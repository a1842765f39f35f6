"""What stands between a client and a function URL on AWS: names, and TLS.

A client that is given this as its HTTPS proxy reaches ``https://ID.lambda-url.REGION.on.aws`` as
it would from anywhere, with a certificate of an authority that ends with the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Edge:
    """Where to find it."""

    def __init__(self, port: int, authority: Path) -> None:
        self.url, self.authority = f"http://127.0.0.1:{port}", authority

    def environment(self) -> dict[str, str]:
        """For a client: everything that it asks goes this way, but for this machine itself."""
        return {
            "HTTPS_PROXY": self.url,
            "NO_PROXY": "127.0.0.1",
            "SSL_CERT_FILE": str(self.authority),
        }


@contextlib.contextmanager
def edge(host: str, port: int, folder: Path) -> Iterator[Edge]:
    """Requests for ``host`` are handed to the emulator at ``port``."""
    authority = trustme.CA()
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="edge", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(_server(context, port), loop).result()
    try:
        yield Edge(server.sockets[0].getsockname()[1], path)
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _server(context: ssl.SSLContext, port: int) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            await _serve(reader, writer, context, port)

    return await asyncio.start_server(serve, "127.0.0.1", 0)


async def _end(server: asyncio.Server) -> None:
    server.close()
    here = asyncio.current_task()
    others = [one for one in asyncio.all_tasks() if one is not here]
    for one in others:
        one.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, port: int
) -> None:
    """One CONNECT, then bytes both ways until either side ends."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await writer.drain()
    await writer.start_tls(context)
    answers, asks = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(asks):
        await asyncio.gather(_pipe(reader, asks), _pipe(answers, writer))


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while body := await source.read(65536):
            sink.write(body)
            await sink.drain()
    sink.close()
