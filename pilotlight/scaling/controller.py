"""Looks at the rows, asks the policy, sets the fleet. It keeps nothing a restart would miss."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from pilotlight.observability.logs import event
from pilotlight.ports.store import Load
from pilotlight.scaling.policy import Snapshot, decide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.fleet import Fleet, Replica
    from pilotlight.ports.store import JobStore
    from pilotlight.scaling.policy import Decision
    from pilotlight.settings import ScalingSettings

_NOTHING = Load()


class Controller:
    """Call it for one look. ``light`` may be called by any thread, the look by one at a time."""

    def __init__(
        self,
        store: JobStore,
        fleet: Fleet,
        specs: Mapping[str, WorkerSpec],
        *,
        clock: Clock,
        settings: ScalingSettings,
    ) -> None:
        self._store, self._fleet, self._specs = store, fleet, specs
        self._clock, self._settings = clock, settings
        self.lit = threading.Event()
        """Set when somebody wants a look before the next tick; a look clears it."""
        self.decisions: dict[str, Decision] = {}
        """What the last look said of each worker that has jobs or replicas."""
        self.last_decision_s: float | None = None
        """From the submit that lit the burner to the start of a replica, the newest one."""
        self._lit_at: dict[str, float] = {}

    def light(self, worker: str) -> None:
        if worker not in self._lit_at:
            self._lit_at[worker] = self._clock.monotonic()
        if not self.lit.is_set():  # reading is cheaper than the lock that setting takes
            self.lit.set()

    def __call__(self, now: float) -> list[Decision]:
        """One look at every worker that has jobs, replicas or a minimum; acts on what it finds."""
        self.lit.clear()
        lit_at, self._lit_at = self._lit_at, {}
        decisions = self.explain(now)
        for name, decision in decisions.items():
            self._act(decision, lit_at.get(name))
        self.decisions = decisions
        return list(decisions.values())

    def explain(self, now: float) -> dict[str, Decision]:
        """What a look would decide now, by worker; nothing is done about it."""
        loads = self._store.load(now=now)
        replicas = defaultdict[str, list["Replica"]](list)
        for replica in self._fleet.replicas():
            replicas[replica.worker].append(replica)
        return {
            name: self._look(spec, loads.get(name, _NOTHING), replicas[name], now)
            for name, spec in self._specs.items()
            if name in loads or replicas[name] or spec.min_replicas
        }

    def _look(self, spec: WorkerSpec, load: Load, replicas: list[Replica], now: float) -> Decision:
        busy = (
            {one.id for one in replicas if one.ended_at is None and self._store.held_by(one.id)}
            if load.running
            else ()
        )
        snapshot = Snapshot(load, tuple(replicas), frozenset(busy))
        return decide(snapshot, spec, now=now, limits=self._settings)

    def _act(self, decision: Decision, lit_at: float | None) -> None:
        worker, reason = decision.worker, decision.reason
        if decision.start:
            self._fleet.start(worker, decision.start)
            if lit_at is not None:
                self.last_decision_s = self._clock.monotonic() - lit_at
            event("scaling.out", worker=worker, count=decision.start, reason=reason)
        for replica_id in decision.retire:
            if self._fleet.retire(replica_id):
                event("scaling.in", worker=worker, replica=replica_id, reason=reason)
