"""What a replica uses of its operating system, in one value that a simulation can replace.

Waiting, waking, threads, signals and the child process: everything else of a replica is plain
code that does the same on any machine.
"""

from __future__ import annotations

import selectors
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from pilotlight.execution.background import WakeUp
from pilotlight.execution.child_keeper import ChildKeeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from contextlib import AbstractContextManager

    from pilotlight.contracts.events import Event
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.child_keeper import Listener
    from pilotlight.execution.retry import Failure
    from pilotlight.ports.clock import Clock

_THREADS: Final = 4


class Waking(Protocol):
    """Ends the loop's wait, from anywhere; :class:`~.background.WakeUp` is the real one."""

    def fileno(self) -> int: ...

    def wake(self) -> None: ...

    def clear(self) -> None: ...

    def close(self) -> None: ...


class Keeper(Protocol):
    """A child and its fate; :class:`~.child_keeper.ChildKeeper` is the real one."""

    ready: bool

    def start(self) -> None: ...

    def send(self, event: Event) -> None: ...

    def check(self, now: float) -> None: ...

    def next_check(self) -> float: ...

    def replace(self, failure: Failure | None) -> None: ...

    def leave(self) -> None: ...

    def kill(self) -> None: ...


class Machine(Protocol):
    selector: selectors.BaseSelector
    wake_up: Waking

    def pool(self) -> Executor:
        """Threads for what the loop must not wait for."""
        ...

    def keeper(self, spec: WorkerSpec, *, clock: Clock, listener: Listener) -> Keeper: ...

    def signals(self, stop: Callable[[], None]) -> AbstractContextManager[None]:
        """While inside, a wish to end this process calls ``stop``."""
        ...


class ThisMachine:
    """``child_argv`` starts the child; ``forks``: a fork of this process will do as well."""

    def __init__(self, child_argv: Sequence[str], *, forks: bool = False) -> None:
        self._child_argv, self._forks = child_argv, forks
        self.selector: selectors.BaseSelector = selectors.DefaultSelector()
        self._waking = WakeUp()
        self.wake_up: Waking = self._waking

    def pool(self) -> Executor:
        return ThreadPoolExecutor(_THREADS, thread_name_prefix="files")

    def keeper(self, spec: WorkerSpec, *, clock: Clock, listener: Listener) -> Keeper:
        return ChildKeeper(
            self._child_argv,
            spec,
            clock=clock,
            selector=self.selector,
            listener=listener,
            forks=self._forks,
        )

    @contextmanager
    def signals(self, stop: Callable[[], None]) -> Iterator[None]:
        """SIGTERM and SIGINT stop; outside of the main thread nothing does.

        Afterwards they do nothing: who has left already is on the way out, and a signal that comes
        late must not make its end look like a crash.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        ours = (signal.SIGTERM, signal.SIGINT)
        for number in ours:
            signal.signal(number, lambda *_: stop())
        descriptor = signal.set_wakeup_fd(self._waking.signal_fd, warn_on_full_buffer=False)
        try:
            yield
        finally:
            for number in ours:
                signal.signal(number, signal.SIG_IGN)
            signal.set_wakeup_fd(descriptor)
