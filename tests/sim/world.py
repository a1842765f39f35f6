"""Virtual time: one thread, one heap of moments, fibers that give way when they wait.

A fiber is ordinary synchronous code on a greenlet: when it waits, the world goes on to whatever
comes next. Nothing here looks at a real clock, and ties are broken by order of scheduling, so
that the same seed gives the same history on any machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import random
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sim.process import Process

EPOCH: Final = 1_893_456_000.0
"""Where virtual time starts, in seconds since the epoch."""
_TAIL: Final = 400


class Killed(SystemExit):
    """Thrown into the fibers of a process that dies; no code of ours may survive it."""


class Violation(AssertionError):
    """An invariant does not hold. ``rule`` is its name in the reliability specification."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule


class Fiber(greenlet):
    """One thread of a process."""

    process: Process
    ticket = 0
    """Rises with each wait: a moment that was scheduled for an earlier one is ignored."""
    gives_way = True
    """False for an event loop's own: while it calls a port nothing else of it may run."""


class World:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.now = EPOCH
        self.steps = 0
        self.most_steps = 10_000_000
        """More is somebody who spins."""
        self.tail: deque[str] = deque(maxlen=_TAIL)
        self._digest = hashlib.blake2b(digest_size=16)
        self.broken: Violation | None = None
        """The first violation: code that survives any error must not hide it."""
        self.processes: list[Process] = []
        self._heap: list[tuple[float, int, Any, int]] = []
        self._order = 0
        self._hub = getcurrent()

    # The history

    def note(self, *facts: object) -> None:
        """One line of the history: part of its hash, and of its tail when something is wrong."""
        line = f"{self.now - EPOCH:.3f} {' '.join(map(str, facts))}"
        self.tail.append(line)
        self._digest.update(line.encode())

    @property
    def history_hash(self) -> str:
        return self._digest.hexdigest()

    @contextlib.contextmanager
    def judging(self) -> Iterator[None]:
        """Around whatever may raise Violation below code that catches everything."""
        try:
            yield
        except Violation as violation:
            self.broken = self.broken or violation
            raise

    def accuse(self, violation: Violation) -> None:
        """Where nothing can be raised: the history ends with the step under way."""
        self.broken = self.broken or violation

    # The schedule

    def at(self, moment: float, act: Callable[[], object]) -> None:
        """Call ``act`` then, outside of any fiber: it must not wait."""
        self._push(moment, act, -1)

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        self._push(self.now + seconds, act, -1)

    def _push(self, moment: float, target: object, ticket: int) -> None:
        self._order += 1
        heapq.heappush(self._heap, (moment, self._order, target, ticket))

    def spawn(self, process: Process, main: Callable[[], object], *, delay: float = 0) -> Fiber:
        """Start a fiber of the process; what ``main`` raises, but for Killed, ends the world."""

        def run(*_: object) -> None:
            try:
                main()
            except Killed:
                pass
            finally:
                process.fibers.pop(fiber, None)

        fiber = Fiber(run, parent=self._hub)
        fiber.process = process
        process.fibers[fiber] = None
        self._push(self.now + delay, fiber, 0)
        return fiber

    def sleep(self, seconds: float) -> None:
        """The fiber that calls it goes on that much later."""
        self.park(seconds)

    def park(self, timeout_s: float | None = None) -> bool:
        """Wait for :meth:`wake`; False when the time was over first."""
        fiber = getcurrent()
        assert isinstance(fiber, Fiber), "only a fiber can wait"
        if not fiber.process.alive:
            raise Killed
        fiber.ticket += 1
        if timeout_s is not None:
            self._push(self.now + timeout_s, fiber, fiber.ticket)
        return bool(self._hub.switch())

    def wake(self, fiber: Fiber) -> None:
        """It goes on now, unless it is not waiting any more by then."""
        ticket = fiber.ticket
        self.at(self.now, lambda: self._resume(fiber, ticket, woken=True))

    def run(self, until: float, *, stop: Callable[[], bool] | None = None) -> None:
        """Let time pass, until then or until ``stop`` says so."""
        heap, take = self._heap, heapq.heappop
        while heap and heap[0][0] <= until:
            if stop is not None and stop():
                return
            moment, _, target, ticket = take(heap)
            self.now = max(self.now, moment)
            self.steps += 1
            if self.steps > self.most_steps:
                raise Violation("spin", "too much happens")
            if ticket == -1:
                target()
            else:
                self._resume(target, ticket)
            if self.broken is not None:
                raise self.broken
        if stop is None:
            self.now = max(self.now, until)

    def _resume(self, fiber: Fiber, ticket: int, *, woken: bool = False) -> None:
        if fiber.ticket != ticket or fiber.dead or not fiber.process.alive:
            return
        if fiber.process.paused_until > self.now:
            again = fiber.process.paused_until
            self.at(again, lambda: self._resume(fiber, ticket, woken=woken))
            return
        fiber.ticket += 1
        fiber.switch(woken)

    def throw(self, fiber: Fiber) -> None:
        """End the fiber; called outside of any."""
        with contextlib.suppress(Killed):  # one that never began hands it straight back
            fiber.throw(Killed)
