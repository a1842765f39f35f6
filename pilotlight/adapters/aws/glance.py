"""The fleet as those see it who only show it: a second old at most, however many ask.

Every poll of a waiting job asks how its cold start is coming along.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.ports.clock import Clock
    from pilotlight.ports.fleet import ColdStart, Fleet, Replica

T = TypeVar("T")

FRESH_S: Final = 1.0


class Glance:
    def __init__(self, fleet: Fleet, clock: Clock) -> None:
        self._fleet, self._clock = fleet, clock
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, object]] = {}

    def replicas(self) -> list[Replica]:
        return self._remembered("", self._fleet.replicas)

    def cold_starts(self, worker: str, *, limit: int = 20) -> list[ColdStart]:
        return self._remembered(
            f"{worker}/{limit}", lambda: self._fleet.cold_starts(worker, limit=limit)
        )

    def start(self, worker: str, count: int) -> None:
        self._fleet.start(worker, count)

    def retire(self, replica_id: str) -> bool:
        return self._fleet.retire(replica_id)

    def drain(self, replica_id: str) -> bool:
        return self._fleet.drain(replica_id)

    def _remembered(self, key: str, look: Callable[[], T]) -> T:
        now = self._clock.monotonic()
        with self._lock:
            at, seen = self._seen.get(key, (float("-inf"), None))
        if now < at + FRESH_S:
            return seen  # type: ignore[return-value]
        found = look()
        with self._lock:
            self._seen[key] = (now, found)
        return found
