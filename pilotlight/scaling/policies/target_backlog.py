"""So many waiting jobs per replica, by metrics of a minute: as managed asynchronous endpoints do.

After SageMaker's asynchronous endpoints: target tracking on the backlog per instance with a step
for a backlog without capacity. It goes in when the backlog was low for ``settle_s``.
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
    high_at: float
    """When as many replicas as there are were needed, the last time."""


@dataclass(frozen=True, slots=True)
class TargetBacklog:
    target: float = 5
    """Waiting jobs per replica."""
    period_s: float = 60
    settle_s: float = 300
    name: str = "target-backlog"

    def plan(self, scene: Scene) -> Plan:
        live = len(scene.live)
        if not live and not scene.jobs:
            return Plan(reason=scene.say(0))
        next_at = (scene.now // self.period_s + 1) * self.period_s
        memory = scene.memory
        if not isinstance(memory, _Memory):
            memory = _Memory(next_at, scene.now)
        if scene.now < memory.due_at:
            reason = f"{scene.say()}; the next minute's metrics decide"
            return Plan(reason=reason, look_at=memory.due_at, memory=memory)
        wanted = math.ceil(scene.load.queued / self.target)
        high_at = scene.now if wanted >= live else memory.high_at
        after = _Memory(next_at, high_at)
        if wanted > live:
            reason = scene.say(wanted)
            return Plan(start=wanted - live, reason=reason, look_at=next_at, memory=after)
        spare = live - wanted if scene.now >= high_at + self.settle_s else 0
        retire, _ = let_go(scene, spare, _at_once)
        reason = idle_words(scene, retire, wanted)
        return Plan(retire=retire, reason=reason, look_at=next_at, memory=after)


def _at_once(_replica: Replica, _rank: int) -> float:
    return 0.0
