"""KEDA in front of the horizontal pod autoscaler, for comparison and for those who want the same.

Defaults of KEDA 2.21: polled each 30 s, to zero after 300 s without work, five jobs per replica
(its SQS scaler's ``queueLength``), jobs in flight counted. Of the autoscaler: a sync each 15 s,
up by what is there or by four pods, down to the most that was recommended in the last 300 s.
Kinder than the original: metrics are exact, and only idle replicas are stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.scaling.scene import Plan, idle_words, let_go

if TYPE_CHECKING:
    from pilotlight.ports.fleet import Replica
    from pilotlight.scaling.scene import Scene


@dataclass(frozen=True, slots=True)
class _Memory:
    due_at: float
    active_at: float
    window: tuple[tuple[float, int], ...] = ()
    """What was recommended, and when."""


@dataclass(frozen=True, slots=True)
class Keda:
    queue_length: float = 5
    """Jobs per replica, waiting or running."""
    polling_s: float = 30
    cooldown_s: float = 300
    sync_s: float = 15
    stabilisation_s: float = 300
    most_pods: int = 4
    name: str = "keda"

    def plan(self, scene: Scene) -> Plan:
        live = len(scene.live)
        if not live and not scene.jobs:
            return Plan(reason=scene.say(0))
        every_s = self.sync_s if live else self.polling_s
        next_at = (scene.now // every_s + 1) * every_s
        memory = scene.memory
        if not isinstance(memory, _Memory):
            memory = _Memory(next_at, scene.now)
        if scene.now < memory.due_at:
            reason = f"{scene.say()}; the next poll decides"
            return Plan(reason=reason, look_at=memory.due_at, memory=memory)
        if not live:
            after = _Memory((scene.now // self.sync_s + 1) * self.sync_s, scene.now)
            return Plan(start=1, reason=scene.say(1), look_at=after.due_at, memory=after)
        return self._sync(scene, memory, next_at)

    def _sync(self, scene: Scene, memory: _Memory, next_at: float) -> Plan:
        live, now = len(scene.live), scene.now
        polled = now % self.polling_s < self.sync_s
        active_at = now if scene.jobs and polled else memory.active_at
        desired = max(1, math.ceil(scene.jobs / self.queue_length))
        recent = [(at, n) for at, n in memory.window if at > now - self.stabilisation_s]
        window = (*recent, (now, desired))
        after = _Memory(next_at, active_at, window)
        wanted = max(n for _, n in window)
        if not scene.jobs and now >= active_at + self.cooldown_s:
            wanted = 0
        if wanted > live:
            count = min(wanted - live, max(live, self.most_pods))
            return Plan(start=count, reason=scene.say(wanted), look_at=next_at, memory=after)
        retire, _ = let_go(scene, live - wanted, _at_once)
        reason = idle_words(scene, retire, wanted)
        return Plan(retire=retire, reason=reason, look_at=next_at, memory=after)


def _at_once(_replica: Replica, _rank: int) -> float:
    return 0.0
