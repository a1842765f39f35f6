"""Where submissions wait for files from elsewhere: threads of their own, and a share for each caller.

Whoever answers a fetch may take a minute over it, and the caller chose who that is. The threads that
answer everybody else are not theirs to fill, nor are those of the other callers' fetches.
"""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

AT_ONCE: Final = 64
EACH: Final = 16
"""Of one caller."""


@dataclass(slots=True)
class _Share:
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EACH))
    users: int = 0


@dataclass(slots=True)
class Fetching:
    """Called from one event loop."""

    _shares: dict[str, _Share] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="inputs")
    )

    async def __call__(self, caller: str, look: Callable[[], T]) -> T:
        """What ``look`` returns, in a thread, once it is this caller's turn."""
        share = self._shares.setdefault(caller, _Share())
        share.users += 1
        try:
            async with share.turns:
                run = partial(contextvars.copy_context().run, look)
                return await asyncio.get_running_loop().run_in_executor(self._pool, run)
        finally:
            share.users -= 1
            if not share.users:
                self._shares.pop(caller, None)
