"""A process of the simulated machine: it can be killed, paused and skewed, and calls ports."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, TypeVar

from greenlet import getcurrent

from pilotlight.errors import Unavailable
from tests.sim.world import EPOCH, Fiber, Killed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim.faults import Faults
    from tests.sim.world import World

T = TypeVar("T")


class SkewedClock:
    """The process's own wall clock; its monotonic one runs true."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> float:
        return self._process.world.now + self._process.skew

    def monotonic(self) -> float:
        return self._process.world.now - EPOCH

    def sleep(self, seconds: float) -> None:
        self._process.world.sleep(seconds)


class Process:
    """``kind`` is ``up``, ``ingress``, ``upkeep``, ``dispatcher``, ``replica`` or ``outside``."""

    def __init__(self, world: World, faults: Faults, name: str, kind: str) -> None:
        self.world, self.faults, self.name, self.kind = world, faults, name, kind
        self.alive = True
        self.paused_until = 0.0
        self.cut_off_until = 0.0
        """It reaches nothing before then, while everybody else does."""
        self.skew = faults.skew()
        self.clock = SkewedClock(self)
        self.fibers: dict[Fiber, None] = {}
        self.in_transaction = False
        self._last_words: list[Callable[[], None]] = []
        world.processes.append(self)

    def spawn(self, main: Callable[[], object], *, delay: float = 0) -> Fiber:
        return self.world.spawn(self, main, delay=delay)

    def on_death(self, tell: Callable[[], None]) -> None:
        self._last_words.append(tell)

    def kill(self, why: str) -> None:
        """From outside: nothing of it runs any more."""
        if not self.alive:
            return
        self.world.note("dies", self.name, why)
        self.alive = False
        self.in_transaction = False
        self.world.at(self.world.now, self._bury)

    def die(self, why: str) -> None:
        """From within: the very instruction that runs is the last."""
        self.kill(why)
        raise Killed

    def _bury(self) -> None:
        for fiber in list(self.fibers):
            self.world.throw(fiber)
        self.fibers.clear()
        for tell in self._last_words:
            tell()

    def pause(self, seconds: float) -> None:
        self.world.note("pauses", self.name, f"{seconds:.1f}")
        self.paused_until = max(self.paused_until, self.world.now + seconds)

    def cut_off(self, seconds: float) -> None:
        self.world.note("is cut off", self.name, f"{seconds:.1f}")
        self.cut_off_until = max(self.cut_off_until, self.world.now + seconds)

    @property
    def reaches_others(self) -> bool:
        return max(self.paused_until, self.cut_off_until) <= self.world.now

    def call(self, site: str, work: Callable[..., T], *args: Any, **named: Any) -> T:
        """Every port call: it takes a while, may fail, and may be the last thing done."""
        if not self.alive:
            raise Killed
        fate = self.faults.fate(self, site)
        if not self.in_transaction:
            self._take_time(site)
        if fate is None:
            return work(*args, **named)
        if fate == "dies first":
            self.die(f"before {site}")
        if fate == "fails":
            raise Unavailable(f"{site}: throttled")
        done = work(*args, **named)
        if fate == "dies after":
            self.die(f"after {site}")
        if fate == "unanswered":
            raise Unavailable(f"{site}: no answer")
        return done

    def _take_time(self, site: str) -> None:
        fiber = getcurrent()
        if isinstance(fiber, Fiber) and fiber.gives_way:
            seconds = self.faults.delay(self, site)
            if seconds:
                self.world.sleep(seconds)


class Lock:
    """What ``threading.Lock`` is to threads: a real one, held over a call, would stop the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held = False
        self._waiting: deque[Fiber] = deque()

    def __enter__(self) -> None:
        while self._held:
            fiber = getcurrent()
            assert isinstance(fiber, Fiber)
            self._waiting.append(fiber)
            self._world.park()
        self._held = True

    def __exit__(self, *_: object) -> None:
        self._held = False
        if self._waiting:
            self._world.wake(self._waiting.popleft())


class Threads(Executor):
    """Threads of a process as fibers."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._under_way: dict[Future[Any], None] = {}

    @property
    def idle(self) -> bool:
        return not self._under_way

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        self._under_way[future] = None
        future.add_done_callback(self._under_way.pop)

        def main() -> None:
            try:
                done = fn(*args, **kwargs)
            except Killed:
                raise
            except Exception as error:  # noqa: BLE001 - a pool hands on whatever was raised
                future.set_exception(error)
            else:
                future.set_result(done)

        self._process.spawn(main)
        return future

    def shutdown(self, wait: bool = True, **_: object) -> None:  # noqa: FBT001 - the base's
        """Fibers end by themselves."""
