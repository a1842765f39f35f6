"""Whether one more job may wait. Pure arithmetic on a count that may be a second old."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.errors import BacklogFull

if TYPE_CHECKING:
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.store import JobStore

FRESH_S = 1.0


class Admission:
    """Counting a long queue is not free, so the count is kept and added to between looks."""

    def __init__(self, store: JobStore, clock: Clock, *, max_backlog: int) -> None:
        self._store, self._clock, self._max = store, clock, max_backlog
        self._queued: dict[str, int] = {}
        self._seen_at = float("-inf")

    def admit(self, worker: str, *, limit: int | None = None) -> None:
        """Raises BacklogFull. ``limit`` is the caller's own, and is counted afresh."""
        now = self._clock.monotonic()
        if limit is not None or now - self._seen_at > FRESH_S:
            loads = self._store.load(now=self._clock.now())
            self._queued = {name: load.queued for name, load in loads.items()}
            self._seen_at = now
        waiting = self._queued.get(worker, 0)
        allowed = self._max if limit is None else min(limit, self._max)
        if waiting > allowed or waiting >= self._max:
            raise BacklogFull(
                f"{waiting} jobs wait for {worker} already, {allowed} are allowed; try again later",
                worker=worker,
                waiting=waiting,
            )
        self._queued[worker] = waiting + 1
