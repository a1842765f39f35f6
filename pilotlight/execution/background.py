"""The few things a replica's loop must not wait for: fetching inputs and storing outputs."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future


class WakeUp:
    """Lets other threads and signals end the loop's wait."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)

    def fileno(self) -> int:
        return self._ours.fileno()

    @property
    def signal_fd(self) -> int:
        """For ``signal.set_wakeup_fd``."""
        return self._theirs.fileno()

    def wake(self) -> None:
        """From any thread. A full socket wakes just as well; a closed one has nobody to wake."""
        with contextlib.suppress(OSError):
            self._theirs.send(b"\0")

    def clear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._ours.recv(4096):
                pass

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


class Background:
    """Calls on threads that start when the first one comes; ends are taken by the loop."""

    def __init__(self, wake: Callable[[], None], make_pool: Callable[[], Executor]) -> None:
        self._wake, self._make_pool = wake, make_pool
        self._pool: Executor | None = None
        self._ended: deque[Callable[[], None]] = deque()

    def do(self, work: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
        """Run ``work`` on a thread, later ``then`` on the loop, with what it raised."""
        if self._pool is None:
            self._pool = self._make_pool()

        def ended(future: Future[None]) -> None:
            self._ended.append(lambda: then(future.exception()))
            self._wake()

        self._pool.submit(work).add_done_callback(ended)

    def take(self) -> None:
        """Finish on this thread what ended on the others."""
        while self._ended:
            self._ended.popleft()()

    def close(self) -> None:
        """Take no more; what waits is still done before the process ends, its end untold."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
