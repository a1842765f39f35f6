"""A pooled host's router: the simulator's placement over what this host has loaded and learned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pilotlight.ports.pool import Choice, Held, Switch
from pilotlight.scaling.placement import (
    Cache,
    Host,
    Model,
    Placement,
    Rates,
    Waiting,
    note_bypass,
    place,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.ports.pool import Head, Neighbour

DISK_S: Final = 22.0
MEMORY_S: Final = 8.5
"""Before the first: medians of a public trace of diffusion models (reliability section 5.6)."""
FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 300.0
"""A model that cannot be loaded is tried again after this, doubled each time."""
LEFT_TO_OTHERS_S: Final = 2.0
"""Who waits for longer for another host to take it is taken here."""
_NEWS: Final = 0.5
"""What the newest load weighs in what is expected of the next."""


class PoolRouter:
    """Implements :class:`pilotlight.ports.pool.Router`. Every call is some microseconds.

    ``memory_gib`` is what models may take of the machine's memory; on a host without a GPU
    (``gpu`` False) the one in use is counted as well.
    """

    def __init__(
        self,
        members: Sequence[WorkerSpec],
        *,
        memory_gib: float,
        gpu: bool,
        host: str = "here",
    ) -> None:
        self._id = host
        self._seen: dict[int, float] = {}
        """Since when a job was left to another host, by its place in the line."""
        self._models = {
            spec.name: Model(spec.name, spec.model_gib, MEMORY_S if gpu else 0.0, DISK_S)
            for spec in members
        }
        self._declared = {spec.name for spec in members if spec.model_gib}
        self._cache = Cache(memory_gib, shared=not gpu)
        self._waiting: dict[str, Waiting] = {}
        self._heads: dict[str, str] = {}
        self._rates = Rates()
        self._timed: set[tuple[str, bool]] = set()
        """Whose load was measured, from memory or from disk."""
        self._failures: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    def choose(
        self, heads: Mapping[str, Head], now: float, others: Iterable[tuple[Neighbour, float]] = ()
    ) -> Choice | None:
        self._look(heads)
        able = {name for name in heads if self._not_before.get(name, now) <= now}
        first = min((heads[name].priority for name in able), default=0)
        able = {name for name in able if heads[name].priority == first}
        hosts = [Host(self._id, self._cache, 0.0), *(self._host(*other) for other in others)]
        # Equals agree on who does it: an empty one before one that would have to give up a model.
        hosts.sort(key=lambda host: (host.cache.on_gpu is not None, host.id))
        placed = place(hosts, [self._waiting[name] for name in able], now)
        if placed is None or (placed.host.id != self._id and not self._is_late(placed, now)):
            return None
        worker = placed.job.model.name
        here = self._cache.on_gpu
        if here is not None and here.name == worker:
            return Choice(worker)
        return Choice(worker, self._plan(worker, now))

    def _host(self, other: Neighbour, left_s: float) -> Host:
        """Loads take there what they take here: hosts of a pool are alike."""
        held = other.held
        memory = {name: self._models[name] for name in held.in_memory if name in self._models}
        cache = Cache(self._cache.memory_gib, self._models.get(held.in_place), memory)
        return Host(other.id, cache, left_s)

    def _is_late(self, placed: Placement, now: float) -> bool:
        """Whoever should take it has not: what is known of it is out of date."""
        since = self._seen.setdefault(placed.job.seq, now)
        return now - since > LEFT_TO_OTHERS_S

    def expected_s(self, worker: str) -> float:
        return self._cache.load_s(self._models[worker])

    def _look(self, heads: Mapping[str, Head]) -> None:
        """Who waits keeps what is known of it for as long as it is the same job."""
        for name in self._waiting.keys() - heads.keys():
            del self._waiting[name], self._heads[name]
        waiting = {one.seq for one in self._waiting.values()}
        self._seen = {seq: at for seq, at in self._seen.items() if seq in waiting}
        for name, head in heads.items():
            if self._heads.get(name) != head.job_id:
                self._heads[name] = head.job_id
                self._waiting[name] = Waiting(self._models[name], head.order)
            else:
                self._waiting[name].model = self._models[name]

    def _plan(self, worker: str, now: float) -> Switch:
        """Room is made before the load, so that both never have to fit."""
        tried = Cache(
            self._cache.memory_gib,
            self._cache.on_gpu,
            dict(self._cache.in_memory),
            self._cache.shared,
        )
        before = tried.on_gpu
        _, gone = tried.switch(self._models[worker], self._rates.at(now))
        parked = before is not None and before.name not in gone
        return Switch(worker, before.name if before and parked else "", tuple(gone))

    def began(self, worker: str, now: float) -> None:
        waiting = self._waiting.pop(worker, None)
        self._heads.pop(worker, None)
        self._rates.add(worker, now)
        if waiting is not None:
            note_bypass(waiting, self._waiting.values(), now)

    def switched(
        self, switch: Switch, *, took_s: float, size_gib: float, dropped: Iterable[str], now: float
    ) -> tuple[str, ...]:
        from_memory = switch.worker in self._cache.in_memory
        self._failures.pop(switch.worker, None)
        self._learn(switch.worker, took_s, size_gib, from_memory=from_memory)
        self._move(switch)
        for name in dropped:
            self._cache.in_memory.pop(name, None)
            self._models[name] = replace(self._models[name], parks=False)
        self._cache.on_gpu = self._models[switch.worker]
        return tuple(self._cache.fit(self._rates.at(now)))

    def _learn(self, worker: str, took_s: float, size_gib: float, *, from_memory: bool) -> None:
        known = self._models[worker]
        if size_gib and worker not in self._declared and not from_memory:
            known = replace(known, size_gib=size_gib)
        before = known.from_memory_s if from_memory else known.from_disk_s
        is_first = (worker, from_memory) not in self._timed
        self._timed.add((worker, from_memory))
        expected = took_s if is_first else before + _NEWS * (took_s - before)
        if from_memory:
            self._models[worker] = replace(known, from_memory_s=expected)
        else:
            self._models[worker] = replace(known, from_disk_s=expected)

    def _move(self, switch: Switch) -> None:
        before = self._cache.on_gpu
        if before is not None and before.name == switch.park:
            self._cache.in_memory[before.name] = self._models[before.name]
        self._cache.on_gpu = None
        for name in (*switch.drop, switch.worker):
            self._cache.in_memory.pop(name, None)

    def failed(self, switch: Switch, now: float) -> None:
        self._move(switch)
        count = self._failures[switch.worker] = self._failures.get(switch.worker, 0) + 1
        pause_s = min(FIRST_PAUSE_S * 2.0 ** min(count - 1, 60), LONGEST_PAUSE_S)
        self._not_before[switch.worker] = now + pause_s

    def lost(self) -> None:
        self._cache.on_gpu = None
        self._cache.in_memory.clear()

    def held(self) -> Held:
        here = self._cache.on_gpu
        return Held(here.name if here else "", tuple(sorted(self._cache.in_memory)))
