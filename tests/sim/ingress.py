"""An ingress process: the real intake on an event loop, and the calls that clients make to it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from greenlet import getcurrent

from tests.sim.loop import SimLoop
from tests.sim.store import SimWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.sim.process import Process
    from tests.sim.site import Site
    from tests.sim.world import Fiber

T = TypeVar("T")


class ConnectionLost(Exception):
    """The ingress died, or was not there: the caller knows nothing."""


class _Request:
    def __init__(self, fiber: Fiber) -> None:
        self.fiber = fiber
        self.over = False
        self.answer: Any = None
        self.error: BaseException | None = None


class Ingress:
    def __init__(self, site: Site, process: Process, light: Callable[[str], None]) -> None:
        self.process = process
        self._world = site.world
        self._loop = SimLoop(process)
        self._pending: dict[_Request, None] = {}
        self._tasks: dict[asyncio.Task[Any], Coroutine[Any, Any, Any]] = {}
        self._watch = SimWatch()
        site.watches[self._watch] = None
        process.on_death(self._hang_up)
        process.on_death(lambda: site.watches.pop(self._watch, None))
        self._light = light
        self.services = site.services(process, self._watch)
        self.submit, self.control = self.services.submit, self.services.control
        # The kick goes to whoever looks after the fleet, wherever that runs.
        self.submit.recorder._lighter = self

    def light(self, worker: str) -> None:
        self._light(worker)

    @property
    def trouble(self) -> list[str]:
        return self._loop.trouble

    def call(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What a client's request comes to. Raises ConnectionLost, or what the request raised."""
        if not self.process.alive:
            raise ConnectionLost
        request = _Request(getcurrent())  # type: ignore[arg-type]
        self._pending[request] = None
        self._loop.call_soon(lambda: self._begin(request, make))
        while not request.over:
            self._world.park()
        if request.error is not None:
            raise request.error
        answer: T = request.answer
        return answer

    def ask(self, make: Callable[[Ingress], Coroutine[Any, Any, T]]) -> T:
        return self.call(lambda: make(self))

    def control_call(self, name: str, job_id: str, *, caller: str) -> Any:
        """A method of Control that blocks: it gets a thread."""
        work = getattr(self.control, name)
        return self.call(lambda: asyncio.to_thread(work, job_id, caller=caller))

    def _begin(self, request: _Request, make: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        work = make()
        task = self._loop.create_task(work)
        self._tasks[task] = work
        task.add_done_callback(lambda done: self._end(request, done))

    def _end(self, request: _Request, task: asyncio.Task[Any]) -> None:
        del self._tasks[task]
        error = task.exception()
        if error is None:
            self._reply(request, answer=task.result())
        else:
            self._reply(request, error=error)

    def _reply(self, request: _Request, *, answer: Any = None, error: Any = None) -> None:
        request.over, request.answer, request.error = True, answer, error
        self._pending.pop(request, None)
        self._world.wake(request.fiber)

    def _hang_up(self) -> None:
        for work in self._tasks.values():
            work.close()
        for request in list(self._pending):
            self._reply(request, error=ConnectionLost())
