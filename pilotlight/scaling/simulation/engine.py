"""One time line for all fleets of a trace: arrivals, starts, ends, and the scaler's next looks.

What is learned of one worker can so help another, and nothing can be known before it happened.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Final, Literal, Protocol

from pilotlight.scaling.knowledge import Prior
from pilotlight.scaling.simulation.figures import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pilotlight.scaling.simulation.trace import Arrival

Kind = Literal["done", "ready", "look"]
_PATIENCE_S: Final = 30 * 86400.0
"""Whatever still lives so long after the last arrival is cut off: a policy that never lets go."""


class Member(Protocol):
    """A fleet on the time line."""

    def arrive(self, arrival: Arrival) -> None: ...

    def on(self, kind: Kind, replica_id: str) -> None: ...

    def end(self) -> None: ...


class Engine:
    """``fleet_of`` makes or finds the fleet that serves a worker.

    ``measure_from`` leaves out of the outcome what came before it.
    """

    def __init__(
        self,
        fleet_of: Callable[[Engine, str], Member],
        *,
        measure_from: float = float("-inf"),
    ) -> None:
        self._fleet_of, self.measure_from = fleet_of, measure_from
        self.now = 0.0
        self.outcome = Outcome()
        self.prior = Prior()
        self._events: list[tuple[float, int, Member, Kind, str]] = []
        self._order = itertools.count()
        self._fleets: dict[str, Member] = {}

    def at(self, when: float, fleet: Member, kind: Kind, replica_id: str = "") -> None:
        heapq.heappush(self._events, (when, next(self._order), fleet, kind, replica_id))

    def run(self, trace: Sequence[Arrival]) -> Outcome:
        for arrival in trace:
            self._until(arrival.at)
            self.now = arrival.at
            fleet = self._fleets.get(arrival.worker)
            if fleet is None:
                fleet = self._fleets[arrival.worker] = self._fleet_of(self, arrival.worker)
            fleet.arrive(arrival)
        self._until(self.now + _PATIENCE_S)
        for fleet in self._fleets.values():
            fleet.end()
        return self.outcome

    def _until(self, when: float) -> None:
        while self._events and self._events[0][0] <= when:
            self.now, _, fleet, kind, replica_id = heapq.heappop(self._events)
            fleet.on(kind, replica_id)
