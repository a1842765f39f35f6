"""The operating system that a simulated replica runs on: its selector, wake-up and signals."""

from __future__ import annotations

import contextlib
import itertools
import selectors
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from tests.sim.child import SimKeeper
from tests.sim.process import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.child_keeper import Listener
    from tests.sim.child import Models
    from tests.sim.process import Process, SkewedClock
    from tests.sim.world import Fiber

_REMEMBERED: Final = 512
_LEAST_WAIT_S: Final = 0.001
"""However busy a loop is, a turn takes time."""


class SimSelector:
    """Descriptors are numbers that somebody pokes."""

    def __init__(self, process: Process) -> None:
        self._world = process.world
        self._callbacks: dict[int, Any] = {}
        self._ready: dict[int, None] = {}
        self._waiting: Fiber | None = None
        self._numbers = itertools.count(3)
        self.turns = 0
        self.taken: deque[float] = deque(maxlen=_REMEMBERED)
        """When the newest turns began."""

    def descriptor(self) -> int:
        return next(self._numbers)

    def poke(self, descriptor: int) -> None:
        self._ready[descriptor] = None
        if self._waiting is not None:
            self._world.wake(self._waiting)

    def register(self, descriptor: int, _events: int, data: Any) -> None:
        self._callbacks[descriptor] = data

    def unregister(self, descriptor: int) -> None:
        del self._callbacks[descriptor]

    def select(self, timeout_s: float) -> list[tuple[selectors.SelectorKey, int]]:
        self.turns += 1
        if not self._ready:
            self._waiting = getcurrent()  # type: ignore[assignment]
            self._world.park(max(timeout_s, _LEAST_WAIT_S))
            self._waiting = None
        self.taken.append(self._world.now)
        ready, self._ready = self._ready, {}
        return [
            (selectors.SelectorKey(one, one, selectors.EVENT_READ, self._callbacks[one]), 1)
            for one in ready
            if one in self._callbacks
        ]

    def close(self) -> None:
        self._callbacks.clear()


class SimWakeUp:
    def __init__(self, selector: SimSelector) -> None:
        self._selector, self._descriptor = selector, selector.descriptor()

    def fileno(self) -> int:
        return self._descriptor

    def wake(self) -> None:
        self._selector.poke(self._descriptor)

    def clear(self) -> None:
        """A poke is taken by the select that sees it."""

    def close(self) -> None:
        """Nothing is held."""


class SimMachine:
    def __init__(self, process: Process, models: Models) -> None:
        self._process, self._models = process, models
        self.selector = SimSelector(process)
        self.wake_up = SimWakeUp(self.selector)
        self._stop: Callable[[], None] | None = None
        self._threads = Threads(process)

    def pool(self) -> Threads:
        return self._threads

    def join_threads(self) -> None:
        """As an interpreter does at its end: what they have in hand is done."""
        while not self._threads.idle:
            self._process.world.sleep(0.5)

    def keeper(self, spec: WorkerSpec, *, clock: SkewedClock, listener: Listener) -> SimKeeper:
        return SimKeeper(
            spec,
            process=self._process,
            listener=listener,
            selector=self.selector,
            models=self._models,
        )

    @contextlib.contextmanager
    def signals(self, stop: Callable[[], None]) -> Iterator[None]:
        self._stop = stop
        yield

    def terminate(self) -> None:
        """SIGTERM; before the handler is there it ends the process as it would any."""
        if self._stop is None:
            self._process.kill("SIGTERM while it starts")
        else:
            self._stop()
