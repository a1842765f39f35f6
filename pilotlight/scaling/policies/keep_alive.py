"""A replica per waiting job, kept for a fixed time: what most serverless GPU platforms do.

From zero the first replica is started at once. A further one is started when a job has waited
``patience_s`` for a slot of those that live: a burst of short jobs is then served by the replica
that is there, or on its way, instead of by four that load for nothing (knative/serving#4344).
The last one may idle longer than the others (ray-project/ray#56573).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.scaling.scene import Plan, idle_words, let_go

if TYPE_CHECKING:
    from pilotlight.ports.fleet import Replica
    from pilotlight.scaling.scene import Scene


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """``idle_s`` for the last replica, ``spare_s`` for the others if that is shorter."""

    idle_s: float = 60.0
    spare_s: float = 60.0
    patience_s: float = 0.0
    name: str = "keep-alive"

    def plan(self, scene: Scene) -> Plan:
        if scene.needed > len(scene.live):
            return self._grow(scene)
        retire, look_at = let_go(scene, len(scene.live) - scene.needed, self._keep_s)
        reason = idle_words(scene, retire, scene.needed)
        return Plan(retire=retire, reason=reason, look_at=look_at)

    def _keep_s(self, _replica: Replica, rank: int) -> float:
        return self.idle_s if rank == 1 else min(self.spare_s, self.idle_s)

    def _grow(self, scene: Scene) -> Plan:
        live, wanted = len(scene.live), scene.needed
        oldest = scene.load.oldest_queued_at
        patient_until = (scene.now if oldest is None else oldest) + self.patience_s
        patient = scene.now < patient_until
        if patient:
            wanted = 1  # one at once; more when it proves to be too little
        if wanted <= live:
            reason = "a live replica may have a slot in a moment"
            return Plan(reason=reason, look_at=patient_until)
        reason = f"{scene.load.queued} wait, {scene.load.running} run, {live} of {wanted} live"
        return Plan(start=wanted - live, reason=reason, look_at=patient_until if patient else None)
