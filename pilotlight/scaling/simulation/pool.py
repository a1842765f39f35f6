"""Pooled hosts, simulated: one fleet for every worker of a trace, placed by the router's own code."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.scaling.placement import Cache, Host, Model, Rates, Waiting, note_bypass, place
from pilotlight.scaling.simulation.fleet import SimFleet, Turn
from pilotlight.scaling.sketch import Sketch

if TYPE_CHECKING:
    from pilotlight.scaling.simulation.engine import Engine, Kind
    from pilotlight.scaling.simulation.trace import Arrival
    from pilotlight.scaling.terms import Terms


@dataclass(frozen=True, slots=True)
class Hosts:
    """Defaults are the medians of a public trace of diffusion models (reliability section 5.6)."""

    switch_s: float = 8.5
    """From memory to the GPU."""
    disk_s: float = 22.0
    """From disk to the GPU."""
    in_memory: float = 8
    """Models of the same size that fit beside the one on the GPU; 0 for no such cache."""


class SimPool(SimFleet):
    def __init__(self, engine: Engine, terms: Terms, cold_start_s: float, hosts: Hosts) -> None:
        super().__init__(engine, terms, cold_start_s)
        self._hosts = hosts
        self._caches: dict[str, Cache] = {}
        self._queues: defaultdict[str, deque[tuple[int, Arrival]]] = defaultdict(deque)
        self._heads: dict[str, Waiting] = {}
        self._count = 0
        self._seq = itertools.count()
        self._runs: dict[str, str] = {}
        """By busy host, whose job it runs."""
        self._took: defaultdict[str, Sketch] = defaultdict(Sketch)
        self._rates = Rates()

    def _model(self, worker: str) -> Model:
        return Model(worker, 1.0, self._hosts.switch_s, self._hosts.disk_s)

    def _push(self, arrival: Arrival) -> None:
        worker = arrival.worker
        self._rates.add(worker, arrival.at)
        seq = next(self._seq)
        self._queues[worker].append((seq, arrival))
        self._count += 1
        if worker not in self._heads:
            self._heads[worker] = Waiting(self._model(worker), seq)

    def _waiting(self) -> tuple[int, float | None]:
        firsts = (self._queues[worker][0][1].at for worker in self._heads)
        return self._count, min(firsts, default=None)

    def _next(self) -> Turn | None:
        if not self._heads or not self.idle:
            return None
        placed = place(self._offers(), self._heads.values(), self.engine.now)
        if placed is None:
            return None
        host, job = placed.host, placed.job
        worker = job.model.name
        note_bypass(job, self._heads.values(), self.engine.now)
        _, arrival = self._queues[worker].popleft()
        self._count -= 1
        del self._heads[worker]
        if self._queues[worker]:
            self._heads[worker] = Waiting(job.model, self._queues[worker][0][0])
        self.idle.remove(host.id)
        self._runs[host.id] = worker
        took_s, _ = host.cache.switch(job.model, self._rates.at(self.engine.now))
        self.engine.outcome.switches += took_s > 0
        return Turn(arrival, host.id, took_s)

    def _offers(self) -> list[Host]:
        """Free hosts, the most recently idle first, and those that work."""
        now, known = self.engine.now, self.known
        free = [Host(name, self._cache(name), 0.0) for name in reversed(self.idle)]
        busy = [
            Host(name, self._cache(name), max(known.left_s(now - began), 0.001))
            for name, (began,) in self.since.items()
        ]
        return free + busy

    def _cache(self, name: str) -> Cache:
        cache = self._caches.get(name)
        if cache is None:
            cache = self._caches[name] = Cache(self._hosts.in_memory)
        return cache

    def _expect(self) -> None:
        """One mean over pictures and trainings would mislead: what waits is known by worker."""
        known = [
            (len(self._queues[worker]), mean_s)
            for worker in self._heads
            if (mean_s := self._took[worker].mean_s) is not None
        ]
        jobs = sum(count for count, _ in known)
        self.known.expected_s = sum(n * mean_s for n, mean_s in known) / jobs if jobs else None

    def on(self, kind: Kind, replica_id: str) -> None:
        if kind == "done":
            took_s = self.engine.now - self.since[replica_id][0]
            self._took[self._runs.pop(replica_id)].add(took_s)
        super().on(kind, replica_id)
        for name in self._caches.keys() - self.replicas.keys():
            del self._caches[name]
