"""Whether one more job may wait. Pure arithmetic on a count that may be a second old."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from pilotlight.errors import BacklogFull

if TYPE_CHECKING:
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.store import JobStore

FRESH_S = 1.0


class _Count(NamedTuple):
    waiting: int
    seen_at: float


class Admission:
    """Counting a long queue is not free, so the count is kept and added to between looks.

    Each worker is counted by itself, and only when somebody wants it: where a count is a request,
    one submit must not pay for the queues of all others. From any thread.
    """

    def __init__(self, store: JobStore, clock: Clock, *, max_backlog: int) -> None:
        self._store, self._clock, self._max = store, clock, max_backlog
        self._counts: dict[str, _Count] = {}
        self._lock = threading.Lock()

    def admit(self, worker: str, *, limit: int | None = None) -> None:
        """Raises BacklogFull. ``limit`` is the caller's own, and is counted afresh.

        Reads the store where no count is fresh.
        """
        now = self._clock.monotonic()
        with self._lock:  # of many who find the count old at once, one counts
            count = self._counts.get(worker)
            if limit is not None or count is None or now - count.seen_at > FRESH_S:
                at = self._clock.now()
                count = _Count(self._store.queued(worker, now=at, most=self._max), now)
            waiting = count.waiting
            allowed = self._max if limit is None else min(limit, self._max)
            if waiting > allowed or waiting >= self._max:
                self._counts[worker] = count
                raise BacklogFull(
                    f"{waiting} jobs wait for {worker} already, {allowed} are allowed; "
                    "try again later",
                    worker=worker,
                    waiting=waiting,
                )
            self._counts[worker] = _Count(waiting + 1, count.seen_at)
