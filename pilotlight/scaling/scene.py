"""What a policy looks at and what it answers: plain values, no clock and no I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

from pilotlight.ports.fleet import LIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pilotlight.ports.fleet import Replica
    from pilotlight.ports.store import Load
    from pilotlight.scaling.knowledge import Knowledge

_NOBODY: Final[Mapping[str, tuple[float, ...]]] = {}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One worker at one moment: its jobs, its replicas, and those that hold a job."""

    load: Load
    replicas: tuple[Replica, ...] = ()
    busy: frozenset[str] = frozenset()
    since: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: _NOBODY)
    """When each job that a busy one holds was started; may be left out."""

    @property
    def live(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.stage in LIVE]

    @property
    def draining(self) -> list[Replica]:
        """They take no more jobs but still hold their place, and perhaps the GPU's memory."""
        return [replica for replica in self.replicas if replica.stage == "draining"]


class Scene:
    """A snapshot as policies use it. ``slots``: jobs that one replica runs at a time."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        slots: int,
        now: float,
        known: Knowledge,
        memory: object = None,
    ) -> None:
        self.now, self.slots, self.known, self.memory = now, slots, known, memory
        self.snapshot, self.load = snapshot, snapshot.load
        self.live = snapshot.live
        busy = snapshot.busy
        leaving = sum(one.slots for one in snapshot.draining if one.id in busy) if busy else 0
        # Jobs that a draining replica finishes need no slot of their own.
        self.jobs = self.load.queued + max(0, self.load.running - leaving)
        self.needed = math.ceil(self.jobs / slots)

    @cached_property
    def idle(self) -> list[Replica]:
        """Ready and without a job, the one that idled longest first."""
        busy = self.snapshot.busy
        free = [one for one in self.live if one.stage == "ready" and one.id not in busy]
        return sorted(free, key=idle_since) if len(free) > 1 else free

    def say(self, wanted: int | None = None) -> str:
        load = self.load
        said = f"{load.queued} wait, {load.running} run, {len(self.live)} live"
        return said if wanted is None else f"{said}, {wanted} wanted"


def idle_since(replica: Replica) -> float:
    return max(replica.active_at, replica.ready_at or replica.asked_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a policy would do, were there no limits. It never starts and retires at once."""

    start: int = 0
    retire: tuple[str, ...] = ()
    """Idle ones, the one that idled longest first."""
    reason: str
    look_at: float | None = None
    """When time alone may change its mind; None: only an event can."""
    memory: object = None
    """Handed back with the next scene; lost with the process, and harmless to lose."""


class Policy(Protocol):
    """A pure function of the scene. Policies differ in what a GPU-second is worth to them."""

    @property
    def name(self) -> str: ...

    def plan(self, scene: Scene) -> Plan: ...


def let_go(
    scene: Scene, spare: int, keep_s: Callable[[Replica, int], float]
) -> tuple[tuple[str, ...], float | None]:
    """Ids of the idle ones whose time is over, at most ``spare``, and when the next one's is.

    ``keep_s`` says how long the replica of this rank idles; the last one that lives has rank 1.
    """
    gone: list[str] = []
    for replica in scene.idle[: max(0, spare)]:
        leaves_at = idle_since(replica) + keep_s(replica, len(scene.live) - len(gone))
        if scene.now < leaves_at:
            return tuple(gone), leaves_at
        gone.append(replica.id)
    return tuple(gone), None


def idle_words(scene: Scene, going: Sequence[str], wanted: int) -> str:
    """Why these go, or that nothing is to do."""
    if not going:
        return scene.say(wanted)
    return f"idle for {scene.now - idle_since(scene.idle[0]):.0f} s, {wanted} wanted"
