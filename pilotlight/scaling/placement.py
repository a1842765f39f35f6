"""Which job goes to which pooled host: least time until it runs, and nobody is passed over for long.

Reliability section 5.5, item 7. A host has one model on its GPU and a few more in memory; the
others have to be read from disk. Pure bookkeeping, the same for simulated hosts and real ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RATE_S: Final = 3600.0
MOST_BYPASSED: Final = 20
"""Jobs that may be served before one that waited longer ..."""
MOST_BYPASSED_S: Final = 30.0
"""... and how long, from the first of them on."""


@dataclass(frozen=True, slots=True)
class Model:
    """What it takes to have one worker's model ready."""

    name: str
    size_gib: float
    from_memory_s: float
    from_disk_s: float
    parks: bool = True
    """It can give up the GPU and stay in memory."""


@dataclass(slots=True)
class Cache:
    """One host's models. ``memory_gib`` is for those that are not on the GPU.

    ``shared``: it has no GPU, so that the one in use takes its part of the same memory.
    """

    memory_gib: float
    on_gpu: Model | None = None
    in_memory: dict[str, Model] = field(default_factory=dict)
    shared: bool = False

    def load_s(self, model: Model) -> float:
        """Until the model could run here, were the host free."""
        if self.on_gpu is not None and self.on_gpu.name == model.name:
            return 0.0
        return model.from_memory_s if model.name in self.in_memory else model.from_disk_s

    def switch(self, model: Model, rates: Mapping[str, float]) -> tuple[float, list[str]]:
        """Put it on the GPU, the one before into memory; the time, and what memory gave up.

        Evicted is what costs the least per GiB: seldom used, quickly read, or both.
        """
        took_s = self.load_s(model)
        before, self.on_gpu = self.on_gpu, model
        self.in_memory.pop(model.name, None)
        gone = []
        if before is not None and before.name != model.name:
            if before.parks:
                self.in_memory[before.name] = before
            else:
                gone.append(before.name)
        return took_s, gone + self.fit(rates)

    def fit(self, rates: Mapping[str, float]) -> list[str]:
        """Give up models until the rest fits; never the one in use."""
        evicted = []
        while self.in_memory and self._used_gib() > self.memory_gib:
            least = min(
                self.in_memory.values(),
                key=lambda one: (
                    one.from_disk_s * rates.get(one.name, 0.0) / max(one.size_gib, 1e-9)
                ),
            )
            del self.in_memory[least.name]
            evicted.append(least.name)
        return evicted

    def _used_gib(self) -> float:
        there = [*self.in_memory.values()]
        if self.shared and self.on_gpu is not None:
            there.append(self.on_gpu)
        return sum(model.size_gib for model in there)


class Rates:
    """How often each model is asked for, fading by two thirds in RATE_S."""

    def __init__(self) -> None:
        self._rates: dict[str, float] = {}
        self._at: dict[str, float] = {}

    def add(self, name: str, now: float) -> None:
        faded = math.exp((self._at.get(name, now) - now) / RATE_S)
        self._rates[name] = 1.0 + self._rates.get(name, 0.0) * faded
        self._at[name] = now

    def at(self, now: float) -> dict[str, float]:
        return {
            name: rate * math.exp((self._at[name] - now) / RATE_S)
            for name, rate in self._rates.items()
        }


@dataclass(frozen=True, slots=True)
class Host:
    id: str
    cache: Cache
    remaining_s: float
    """Until it can begin something; 0 when it is free."""


@dataclass(slots=True)
class Waiting:
    """The longest waiting job of one model."""

    model: Model
    seq: int
    """Rises with the arrival."""
    bypassed: int = 0
    bypassed_at: float | None = None
    """When a later job was served before it for the first time."""

    def starves(self, now: float) -> bool:
        if self.bypassed >= MOST_BYPASSED:
            return True
        return self.bypassed_at is not None and now >= self.bypassed_at + MOST_BYPASSED_S


@dataclass(frozen=True, slots=True)
class Placement:
    host: Host
    job: Waiting


def place(hosts: Iterable[Host], jobs: Iterable[Waiting], now: float) -> Placement | None:
    """The next job to begin, on a free host; None when every job does better to wait.

    A job waits for a busy host that has its model when that is sooner than a load elsewhere. Who
    starves goes first, to the free host that is best for it.
    """
    hosts = list(hosts)
    free = [host for host in hosts if host.remaining_s <= 0]
    if not free:
        return None
    best: tuple[float, int, Placement] | None = None
    for job in sorted(jobs, key=lambda one: one.seq):
        here = min(free, key=lambda host: host.cache.load_s(job.model))
        took_s = here.cache.load_s(job.model)
        if job.starves(now):
            return Placement(here, job)
        if _sooner_elsewhere(hosts, job.model, took_s):
            continue
        if best is None or (took_s, job.seq) < best[:2]:
            best = (took_s, job.seq, Placement(here, job))
    return best[2] if best else None


def _sooner_elsewhere(hosts: Iterable[Host], model: Model, than_s: float) -> bool:
    return any(
        host.remaining_s > 0 and host.remaining_s + host.cache.load_s(model) < than_s
        for host in hosts
    )


def note_bypass(placed: Waiting, jobs: Iterable[Waiting], now: float) -> None:
    """Count it for every job that came before the one that was placed."""
    for job in jobs:
        if job.seq < placed.seq:
            job.bypassed += 1
            if job.bypassed_at is None:
                job.bypassed_at = now
