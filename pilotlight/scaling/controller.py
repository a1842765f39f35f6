"""Looks at the rows, asks the policy, sets the fleet. It keeps nothing a restart would miss."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from pilotlight.contracts.pools import Pools
from pilotlight.errors import Unavailable
from pilotlight.observability.logs import event
from pilotlight.ports.store import Load
from pilotlight.scaling.fleets import by_fleet
from pilotlight.scaling.learning import Learner
from pilotlight.scaling.policy import Snapshot, decide
from pilotlight.scaling.terms import overruled, terms_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.ports.fleet import Fleet, Replica
    from pilotlight.ports.learned import Learned
    from pilotlight.ports.overrules import Overrules
    from pilotlight.ports.store import JobStore
    from pilotlight.scaling.policy import Decision
    from pilotlight.scaling.sketch import Sketch
    from pilotlight.settings.scaling import ScalingSettings

_NOTHING = Load()


class Controller:
    """Call it for one look. ``light`` may be called by any thread, the look by one at a time.

    Without ``learned`` it learns for itself alone, and its policies know no job's length.
    """

    def __init__(
        self,
        store: JobStore,
        fleet: Fleet,
        specs: Mapping[str, WorkerSpec],
        *,
        settings: ScalingSettings,
        learned: Learned | None = None,
        overrules: Overrules | None = None,
    ) -> None:
        self._store, self._fleet = store, fleet
        self._pools = Pools(specs)
        self._terms = {n: terms_of(spec, settings) for n, spec in self._pools.fleets.items()}
        self._overrules = overrules
        slots = {name: one.slots for name, one in self._terms.items()}
        self._learner = Learner(learned, slots, self._pools.fleet_of)
        self.lit = threading.Event()
        """Set when somebody wants a look before the next tick; a look clears it."""
        self.decisions: dict[str, Decision] = {}
        """What the last look said of each worker that has jobs or replicas."""

    @property
    def pools(self) -> Pools:
        """Which workers share replicas; decisions are of fleets."""
        return self._pools

    def light(self, worker: str) -> None:  # noqa: ARG002 - one look sees all of them
        if not self.lit.is_set():  # reading is cheaper than the lock that setting takes
            self.lit.set()

    def __call__(self, now: float) -> list[Decision]:
        """One look at every worker that has or should have something; acts on what it finds."""
        self.lit.clear()
        snapshots = self._snapshots(now)
        self._learner.observe(snapshots, now)
        decisions = self._decide(snapshots, now)
        for name, decision in decisions.items():
            try:
                self._act(decision)
            except Unavailable as trouble:  # one fleet's trouble must not keep others from theirs
                event("scaling.failed", level=logging.ERROR, worker=name, error=str(trouble))
        self.decisions = decisions
        return list(decisions.values())

    def explain(self, now: float) -> dict[str, Decision]:
        """What a look would decide now, by worker; nothing is done about it."""
        return self._decide(self._snapshots(now), now)

    def cold_starts(self, now: float) -> dict[str, dict[str, Sketch]]:
        """Seconds by worker and stage, as far back as is remembered; the newest are among them."""
        self._learner.observe(self._snapshots(now), now)
        return {name: self._learner.of(name).stages for name in self._terms}

    def usual_s(self, worker: str) -> float | None:
        """How long a job of this worker runs, once this process has learned it. From any thread."""
        return self._learner.usual_s(worker)

    def _snapshots(self, now: float) -> dict[str, Snapshot]:
        """Of each worker that has jobs or replicas."""
        self._learner.refresh(now)
        loads = by_fleet(self._store.load(now=now), self._pools)
        replicas = defaultdict[str, list["Replica"]](list)
        for replica in self._fleet.replicas():
            replicas[replica.worker].append(replica)
        return {
            name: self._snapshot(loads.get(name, _NOTHING), replicas[name])
            for name in self._terms
            if name in loads or replicas[name]
        }

    def _snapshot(self, load: Load, replicas: list[Replica]) -> Snapshot:
        since = {}
        if load.running:
            for one in replicas:
                held = self._store.held_by(one.id) if one.ended_at is None else ()
                if held:
                    since[one.id] = tuple(job.started_at or 0.0 for job in held)
        return Snapshot(load, tuple(replicas), frozenset(since), since)

    def _decide(self, snapshots: Mapping[str, Snapshot], now: float) -> dict[str, Decision]:
        warmed = self._learner.warmed
        decisions = {}
        said = self._overrules.read() if self._overrules is not None else {}
        for name, declared in self._terms.items():
            terms = overruled(declared, said.get(name))
            known, snapshot = self._learner.of(name), snapshots.get(name)
            asleep = snapshot is None and name not in warmed and known.timer() is None
            if asleep and not (terms.min_replicas or terms.windows):
                continue
            before = self.decisions.get(name)
            decisions[name] = decide(
                snapshot or Snapshot(_NOTHING),
                terms,
                now=now,
                known=known,
                memory=before.memory if before else None,
                warm=warmed.get(name),
            )
        return decisions

    def _act(self, decision: Decision) -> None:
        worker, reason = decision.worker, decision.reason
        if decision.start:
            self._fleet.start(worker, decision.start)
            event("scaling.out", worker=worker, count=decision.start, reason=reason)
        for replica_id in decision.retire:
            if self._fleet.retire(replica_id):
                event("scaling.in", worker=worker, replica=replica_id, reason=reason)
        for replica_id in decision.drain:
            if self._fleet.drain(replica_id):
                event("scaling.drain", worker=worker, replica=replica_id, reason=reason)
