"""Fleets of one worker each, simulated: the scaler's own decisions, replicas that obey at once.

All workers share one time line, so that what is learned of one can help another, and nothing can
be known before it happened. A job goes to the most recently idle replica.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from pilotlight.ports.fleet import ColdStart, Replica
from pilotlight.ports.store import Load
from pilotlight.scaling.gaps import Gaps
from pilotlight.scaling.knowledge import Knowledge
from pilotlight.scaling.policy import decide
from pilotlight.scaling.scene import Snapshot
from pilotlight.scaling.simulation.figures import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pilotlight.scaling.simulation.trace import Arrival
    from pilotlight.scaling.terms import Terms

_Kind = Literal["done", "ready", "look"]
_PATIENCE_S: Final = 30 * 86400.0
"""Whatever still lives so long after the last arrival is cut off: a policy that never lets go."""


@dataclass(frozen=True, slots=True)
class _Event:
    kind: _Kind
    fleet: _Fleet
    replica_id: str = ""


class Engine:
    """``cold_start_s`` holds for every start; ``measure_from`` leaves out what came before it."""

    def __init__(
        self,
        terms: Callable[[str], Terms],
        *,
        cold_start_s: float,
        measure_from: float = float("-inf"),
    ) -> None:
        self._terms, self.cold_start_s, self.measure_from = terms, cold_start_s, measure_from
        self.now = 0.0
        self.outcome = Outcome()
        self.prior = Gaps()
        self._events: list[tuple[float, int, _Event]] = []
        self._order = itertools.count()
        self._fleets: dict[str, _Fleet] = {}

    def at(self, when: float, event: _Event) -> None:
        heapq.heappush(self._events, (when, next(self._order), event))

    def run(self, trace: Sequence[Arrival]) -> Outcome:
        for arrival in trace:
            self._until(arrival.at)
            self.now = arrival.at
            fleet = self._fleets.get(arrival.worker)
            if fleet is None:
                fleet = _Fleet(self, self._terms(arrival.worker))
                self._fleets[arrival.worker] = fleet
            fleet.arrive(arrival)
        self._until(self.now + _PATIENCE_S)
        for fleet in self._fleets.values():
            fleet.end()
        return self.outcome

    def _until(self, when: float) -> None:
        while self._events and self._events[0][0] <= when:
            self.now, _, event = heapq.heappop(self._events)
            event.fleet.on(event.kind, event.replica_id)


class _Fleet:
    def __init__(self, engine: Engine, terms: Terms) -> None:
        self._engine, self._terms = engine, terms
        self._known = Knowledge(engine.prior)
        self._known.started(ColdStart(0.0, engine.cold_start_s), 0.0)
        self._queue: deque[Arrival] = deque()
        self._replicas: dict[str, Replica] = {}
        self._idle: list[str] = []
        """Most recently idle last."""
        self._since: dict[str, tuple[float, ...]] = {}
        self._used: set[str] = set()
        self._memory: object = None
        self._look_at: float | None = None
        self._names = itertools.count()

    def arrive(self, arrival: Arrival) -> None:
        self._queue.append(arrival)
        self._turn()

    def on(self, kind: _Kind, replica_id: str) -> None:
        now = self._engine.now
        match kind:
            case "look":
                if self._look_at is None or now < self._look_at:
                    return  # an older wish, overtaken
                self._look_at = None
            case "ready":
                ready = replace(
                    self._replicas[replica_id], stage="ready", ready_at=now, active_at=now
                )
                self._replicas[replica_id] = ready
                self._idle.append(replica_id)
                self._known.started(ColdStart(0.0, now - ready.asked_at), now)
            case "done":
                self._finish(replica_id, now)
        self._turn()

    def _finish(self, replica_id: str, now: float) -> None:
        (began,) = self._since.pop(replica_id)
        self._known.service.add(now - began)
        self._replicas[replica_id] = replace(self._replicas[replica_id], active_at=now)
        self._idle.append(replica_id)

    def _turn(self) -> None:
        """Serve what can be served, then let the scaler look."""
        now = self._engine.now
        while self._queue and self._idle:
            self._serve(self._queue.popleft(), self._idle.pop(), now)
        jobs = len(self._queue) + len(self._since)
        self._known.needs(jobs, now)
        warm = len(self._idle) + len(self._since) > 0
        self._known.waits(len(self._queue), now, warm=warm)
        oldest = self._queue[0].at if self._queue else None
        snapshot = Snapshot(
            Load(len(self._queue), len(self._since), oldest),
            tuple(self._replicas.values()),
            frozenset(self._since),
            self._since,
        )
        self._engine.outcome.decisions += 1
        decision = decide(snapshot, self._terms, now=now, known=self._known, memory=self._memory)
        self._memory = decision.memory
        for replica_id in decision.retire:
            self._retire(replica_id, now)
        for _ in range(decision.start):
            self._start(now)
        self._look(decision.look_at, now)

    def _look(self, look_at: float | None, now: float) -> None:
        if look_at is None or look_at <= now:
            return
        if self._look_at is None or look_at != self._look_at:
            self._look_at = look_at
            self._engine.at(look_at, _Event("look", self))

    def _serve(self, job: Arrival, replica_id: str, now: float) -> None:
        self._since[replica_id] = (now,)
        self._used.add(replica_id)
        if job.at >= self._engine.measure_from:
            self._engine.outcome.waits.append(now - job.at)
        self._engine.at(now + job.service_s, _Event("done", self, replica_id))

    def _start(self, now: float) -> None:
        name = f"{self._terms.worker}-{next(self._names)}"
        self._replicas[name] = Replica(
            id=name, worker=self._terms.worker, stage="starting", asked_at=now
        )
        if now >= self._engine.measure_from:
            self._engine.outcome.starts.append((now, self._terms.worker))
        self._engine.at(now + self._engine.cold_start_s, _Event("ready", self, name))

    def _retire(self, replica_id: str, now: float) -> None:
        if replica_id in self._since:
            self._engine.outcome.busy_stopped += 1
            return
        self._idle.remove(replica_id)
        self._bury(self._replicas.pop(replica_id), now)

    def _bury(self, replica: Replica, now: float) -> None:
        outcome = self._engine.outcome
        lived_s = max(0.0, now - max(replica.asked_at, self._engine.measure_from))
        outcome.gpu_s += lived_s
        if replica.id in self._used:
            self._used.discard(replica.id)
        elif replica.asked_at >= self._engine.measure_from:
            outcome.unused += 1
            outcome.unused_s += lived_s

    def end(self) -> None:
        for replica in list(self._replicas.values()):
            self._bury(replica, self._engine.now)
        self._replicas.clear()
