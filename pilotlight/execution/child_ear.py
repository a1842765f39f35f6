"""Who hears the parent in a child, and when.

While the only slot has no job, its own thread waits at the socket: a job that comes is run by the
thread that heard of it, without a hand-over (0.15 ms of a quick job's 1.3). While it works, the
control thread listens, since a cancel must be heard whatever the model does. With several slots
the control thread always listens and the slots wait at a queue.
"""

from __future__ import annotations

import queue
import select
import threading
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.contracts.events import Event
    from pilotlight.execution.framing import ChildEnd

T = TypeVar("T")

_PATIENCE_S: Final = 0.01
"""A job that takes longer is worth an ear of its own: quick ones never wake the control thread."""


class Ear(Generic[T]):
    """``heed`` is called for each event, by one thread at a time; it may :meth:`put` work."""

    def __init__(self, end: ChildEnd, heed: Callable[[Event], None]) -> None:
        self._end, self._heed = end, heed
        self._turn = threading.Lock()
        self._work: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._waits = False
        """The slot's own thread is at the socket; nobody else reads."""
        self._stirred = threading.Event()
        self._patience = threading.Event()

    def put(self, work: T) -> None:
        self._work.put(work)

    def take(self) -> T:
        """The next piece of work, for one of several slots."""
        return self._work.get()

    def wait(self) -> T:
        """The next piece of work, for the only slot. Raises OSError or EOFError: no parent."""
        while True:
            with self._turn:
                if not self._work.empty():
                    return self._begun()
                self._waits = True
            select.select([self._end], [], [])
            with self._turn:
                self._waits = False
                self._receive()

    def _begun(self) -> T:
        if not self._stirred.is_set():
            self._stirred.set()
        return self._work.get()

    def listen(self, seconds: float) -> None:
        """For the control thread: hear what comes, at most that long. Raises as :meth:`wait`."""
        if self._waits:
            if self._stirred.wait(seconds):
                self._stirred.clear()
                self._patience.wait(min(seconds, _PATIENCE_S))
        elif select.select([self._end], [], [], seconds)[0] and not self._heard():
            self._patience.wait(min(seconds, _PATIENCE_S))

    def _heard(self) -> bool:
        """Whether the word was left to the control thread."""
        with self._turn:
            if self._waits or not select.select([self._end], [], [], 0)[0]:
                return False
            self._receive()
            return True

    def _receive(self) -> None:
        for event in self._end.receive():
            self._heed(event)
