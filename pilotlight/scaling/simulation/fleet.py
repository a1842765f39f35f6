"""A simulated fleet: the scaler's own decisions, replicas that obey at once.

A job goes to the most recently idle replica, first come, first served.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pilotlight.ports.fleet import ColdStart, Replica
from pilotlight.ports.store import Load
from pilotlight.scaling.knowledge import Knowledge
from pilotlight.scaling.policy import decide
from pilotlight.scaling.scene import Snapshot

if TYPE_CHECKING:
    from pilotlight.scaling.simulation.engine import Engine, Kind
    from pilotlight.scaling.simulation.trace import Arrival
    from pilotlight.scaling.terms import Terms


class Turn(NamedTuple):
    """A job that begins now."""

    job: Arrival
    replica_id: str
    switch_s: float = 0.0
    """Before it runs; it waits as long."""


class SimFleet:
    """``cold_start_s`` is the same for every start, and known to the scaler from the beginning."""

    def __init__(self, engine: Engine, terms: Terms, cold_start_s: float) -> None:
        self.engine, self._terms, self._cold_start_s = engine, terms, cold_start_s
        self.known = Knowledge(engine.prior)
        self.known.started(ColdStart(0.0, cold_start_s), 0.0)
        self.replicas: dict[str, Replica] = {}
        self.idle: list[str] = []
        """Most recently idle last."""
        self.since: dict[str, tuple[float, ...]] = {}
        """By busy replica, when its job began."""
        self._queue: deque[Arrival] = deque()
        self._used: set[str] = set()
        self._memory: object = None
        self._look_at: float | None = None
        self._names = itertools.count()

    # What a pool does otherwise

    def _push(self, arrival: Arrival) -> None:
        self._queue.append(arrival)

    def _waiting(self) -> tuple[int, float | None]:
        """How many wait, and since when the first does."""
        return len(self._queue), self._queue[0].at if self._queue else None

    def _next(self) -> Turn | None:
        if self._queue and self.idle:
            return Turn(self._queue.popleft(), self.idle.pop())
        return None

    def _expect(self) -> None:
        """Called before the scaler looks."""

    # Events

    def arrive(self, arrival: Arrival) -> None:
        self._push(arrival)
        self._turn()

    def on(self, kind: Kind, replica_id: str) -> None:
        now = self.engine.now
        if kind == "look":
            if self._look_at is None or now < self._look_at:
                return  # an older wish, overtaken
            self._look_at = None
        elif kind == "ready":
            asked = self.replicas.get(replica_id)
            if asked is None:
                return  # let go before it was there
            self.replicas[replica_id] = replace(asked, stage="ready", ready_at=now, active_at=now)
            self.idle.append(replica_id)
            self.known.started(ColdStart(0.0, now - asked.asked_at), now)
        else:
            (began,) = self.since.pop(replica_id)
            self.known.finished(now - began)
            done = self.replicas[replica_id] = replace(self.replicas[replica_id], active_at=now)
            if done.stage == "draining":
                self._bury(self.replicas.pop(replica_id))
            else:
                self.idle.append(replica_id)
        self._turn()

    def _turn(self) -> None:
        """Serve what can be served, then let the scaler look."""
        while (turn := self._next()) is not None:
            self._serve(turn)
        now, (queued, oldest) = self.engine.now, self._waiting()
        self._expect()
        self.known.needs(queued + len(self.since), now)
        self.known.waits(queued, now, warm=bool(self.idle or self.since))
        snapshot = Snapshot(
            Load(queued, len(self.since), oldest),
            tuple(self.replicas.values()),
            frozenset(self.since),
            self.since,
        )
        decision = decide(snapshot, self._terms, now=now, known=self.known, memory=self._memory)
        self.engine.outcome.decisions += 1
        self._memory = decision.memory
        for replica_id in decision.retire:
            self._retire(replica_id)
        for replica_id in decision.drain:
            self._drain(replica_id)
        for _ in range(decision.start):
            self._start()
        self._look(decision.look_at)

    def _look(self, look_at: float | None) -> None:
        if look_at is not None and look_at > self.engine.now and look_at != self._look_at:
            self._look_at = look_at
            self.engine.at(look_at, self, "look")

    def _serve(self, turn: Turn) -> None:
        now, job = self.engine.now, turn.job
        self.since[turn.replica_id] = (now,)
        self._used.add(turn.replica_id)
        if job.at >= self.engine.measure_from:
            self.engine.outcome.waits.append(now + turn.switch_s - job.at)
        self.engine.at(now + turn.switch_s + job.service_s, self, "done", turn.replica_id)

    def _start(self) -> None:
        now, name = self.engine.now, f"{self._terms.worker}-{next(self._names)}"
        self.replicas[name] = Replica(
            id=name, worker=self._terms.worker, stage="starting", asked_at=now
        )
        if now >= self.engine.measure_from:
            self.engine.outcome.starts.append((now, self._terms.worker))
        self.engine.at(now + self._cold_start_s, self, "ready", name)

    def _retire(self, replica_id: str) -> None:
        if replica_id in self.since:
            self.engine.outcome.busy_stopped += 1
            return
        if replica_id in self.idle:
            self.idle.remove(replica_id)
        self._bury(self.replicas.pop(replica_id))

    def _drain(self, replica_id: str) -> None:
        """It has a job: it takes no other, and goes with its end."""
        self.replicas[replica_id] = replace(self.replicas[replica_id], stage="draining")

    def _bury(self, replica: Replica) -> None:
        outcome, since = self.engine.outcome, self.engine.measure_from
        lived_s = max(0.0, self.engine.now - max(replica.asked_at, since))
        outcome.gpu_s += lived_s
        if replica.id in self._used:
            self._used.discard(replica.id)
        elif replica.asked_at >= since:
            outcome.unused += 1
            outcome.unused_s += lived_s

    def end(self) -> None:
        for replica in self.replicas.values():
            self._bury(replica)
        self.replicas.clear()
