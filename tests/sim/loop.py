"""An asyncio event loop on a fiber: as much of it as the ingress uses, in virtual time."""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from typing import TYPE_CHECKING, Any

from tests.sim.process import Threads
from tests.sim.world import EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.sim.process import Process


class SimLoop(asyncio.AbstractEventLoop):
    """``run`` is its fiber's main function. Threads are fibers of the same process."""

    def __init__(self, process: Process) -> None:
        self._process, self._world = process, process.world
        self._ready: deque[asyncio.Handle] = deque()
        self._threads = Threads(process)
        self._fiber = process.spawn(self.run)
        self._fiber.gives_way = False
        self._waits = False
        self.trouble: list[str] = []
        """Exceptions nobody took, which there never should be."""

    def run(self) -> None:
        while True:
            while self._ready:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    self._call(handle)
            self._waits = True
            self._world.park()
            self._waits = False

    def _call(self, handle: asyncio.Handle) -> None:
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            handle._run()
        finally:
            events._set_running_loop(before)

    # What tasks, futures and timeouts call

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        if self._waits:
            self._world.wake(self._fiber)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)

        def due() -> None:
            if not handle.cancelled():
                self.call_soon(handle._run)

        self._world.at(EPOCH + when, due)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def time(self) -> float:
        return self._world.now - EPOCH

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is skipped when its moment comes."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Any = None
    ) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def run_in_executor(  # type: ignore[override]
        self, executor: object, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        return asyncio.wrap_future(self._threads.submit(func, *args), loop=self)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return not self._process.alive

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.trouble.append(f"{context.get('message')}: {context.get('exception')!r}")
