"""How followers learn of changes where nothing announces them between machines: they look again.

The pause is a tenth of the time they have waited so far, so that they hear of an end at most a
tenth later than it took, and a job of a minute costs some eighty looks. What changes inside this
process, such as a cancel, is heard at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from pilotlight.ports.feed import Changes

SHORTEST_S: Final = 0.1
LONGEST_S: Final = 1.0
"""Streamed outputs come in portions of this at worst."""
_SHARE: Final = 0.1


def pause_s(waited_s: float) -> float:
    return min(max(waited_s * _SHARE, SHORTEST_S), LONGEST_S)


class _Follower:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """From any thread."""
        # The loop of a request that is over may be closed by now.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout_s: float) -> None:
        pause = min(pause_s(self._loop.time() - self._since), timeout_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._event.wait()
        self._event.clear()


class PollingWatch:
    """Watch and Announcer in one: it wakes the followers of its own process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._followers: dict[str, set[_Follower]] = {}
        self._hooks: list[Callable[[Sequence[str]], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def on_change(self, hook: Callable[[Sequence[str]], None]) -> None:
        self._hooks.append(hook)

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def close(self, _loop: asyncio.AbstractEventLoop) -> None:
        self._loop = None

    def changed(self, job_ids: Sequence[str]) -> None:
        with self._lock:
            woken = [one for job_id in job_ids for one in self._followers.get(job_id, ())]
        for follower in woken:
            follower.wake()
        loop = self._loop
        if loop is not None:
            for hook in self._hooks:
                with contextlib.suppress(RuntimeError):  # it was closed just now
                    loop.call_soon_threadsafe(hook, job_ids)

    @contextlib.asynccontextmanager
    async def job(self, job_id: str) -> AsyncIterator[Changes]:
        follower = _Follower()
        with self._lock:
            self._followers.setdefault(job_id, set()).add(follower)
        try:
            yield follower
        finally:
            with self._lock:
                self._followers[job_id].discard(follower)
                if not self._followers[job_id]:
                    del self._followers[job_id]
