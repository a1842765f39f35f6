"""How the ingress of local mode hears that jobs changed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.local.feed import INGRESS_PORT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from pilotlight.adapters.local.database import Database
    from pilotlight.adapters.local.wake import WakeSocket

_SWEEP_S: Final = 0.05
"""A lost wake-up costs a follower no more than this; nothing runs while nobody follows."""


class _Follower:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        self._event.clear()


class WakeWatch:
    """The ingress's ear. Followers are woken by id, and swept while there are any."""

    def __init__(self, database: Database, wake: WakeSocket) -> None:
        self._db, self._wake = database, wake
        self._followers: dict[str, set[_Follower]] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._hooks: list[Callable[[Sequence[str]], None]] = []

    def on_change(self, hook: Callable[[Sequence[str]], None]) -> None:
        """Call ``hook`` with the ids of every announcement, on the event loop."""
        self._hooks.append(hook)

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start listening; from now on replicas know where to announce."""
        with self._db.write() as execute:
            execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (INGRESS_PORT, self._wake.port))
        loop.add_reader(self._wake.fileno(), self._heard)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._wake.fileno())
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _heard(self) -> None:
        words = self._wake.hear() or []
        for job_id in words:
            for follower in self._followers.get(job_id, ()):
                follower.wake()
        for hook in self._hooks:
            hook(words)

    def _look(self) -> None:
        for followers in self._followers.values():
            for follower in followers:
                follower.wake()
        self._sweep = (
            asyncio.get_running_loop().call_later(_SWEEP_S, self._look) if self._followers else None
        )

    @contextlib.asynccontextmanager
    async def job(self, job_id: str) -> AsyncIterator[Any]:
        follower = _Follower()
        self._followers.setdefault(job_id, set()).add(follower)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_S, self._look)
        try:
            yield follower
        finally:
            self._followers[job_id].discard(follower)
            if not self._followers[job_id]:
                del self._followers[job_id]
