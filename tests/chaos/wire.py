"""A bad line between two processes: slow, late, losing packets.

What TCP makes of a lost packet is a wait: it is sent again after 200 ms, then after twice that
(Linux's least retransmission timeout). So a line that loses some is one on which some pieces come
that much later; nothing that TCP carries is ever missing. Needs no right and no kernel module.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from dataclasses import dataclass

PIECE = 1448
"""Bytes that Ethernet carries in one packet of TCP."""
RETRANSMISSION_S = 0.2
_WINDOW = 20
"""Pieces that are under way together."""


@dataclass(frozen=True)
class Line:
    bytes_per_s: float = 1e9
    delay_s: float = 0.0
    """One way."""
    loss: float = 0.0
    """Share of the packets."""

    def pause_s(self, count: int, rng: random.Random) -> float:
        """How long so many bytes take; those that are under way together wait together."""
        pieces = -(-count // PIECE)
        lost = max((self._times_lost(rng) for _ in range(pieces)), default=0)
        again = sum(RETRANSMISSION_S * 2**time for time in range(lost))
        return count / self.bytes_per_s + self.delay_s + again

    def _times_lost(self, rng: random.Random) -> int:
        times = 0
        while times < 6 and rng.random() < self.loss:
            times += 1
        return times


class Wire:
    """Listens on a port of its own and leads to ``upstream`` (``host:port``)."""

    def __init__(self, upstream: str, line: Line, *, seed: int = 42) -> None:
        self._host, _, port = upstream.removeprefix("http://").partition(":")
        self._port, self._line, self._rng = int(port), line, random.Random(seed)
        self.carried = 0
        """Bytes, both ways."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader, writer):
        there = await asyncio.open_connection(self._host, self._port)
        ways = ((reader, there[1]), (there[0], writer))
        async with asyncio.TaskGroup() as group:
            for source, target in ways:
                group.create_task(self._carry(source, target))

    async def _carry(self, source, target):
        with contextlib.suppress(OSError), contextlib.closing(target):
            while data := await source.read(PIECE * _WINDOW):
                await asyncio.sleep(self._line.pause_s(len(data), self._rng))
                self.carried += len(data)
                target.write(data)
                await target.drain()

    async def _stop(self):
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        await asyncio.sleep(0.01)  # the transports' own last words

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
