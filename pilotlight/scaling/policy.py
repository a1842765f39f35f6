"""How many replicas a worker should have: arithmetic over what the rows say, and no I/O.

From zero the first replica is started at once. A further one is started when a job has waited
``patience_s`` for a slot of those that live: a burst of short jobs is then served by the replica
that is there, or on its way, instead of by four that load for nothing (knative/serving#4344).
Only idle replicas go, the one that idled longest first; the last one may idle longer than the
others (ray-project/ray#56573).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.ports.fleet import LIVE
from pilotlight.scaling.backoff import backoff_of

if TYPE_CHECKING:
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.ports.fleet import Replica
    from pilotlight.ports.store import Load
    from pilotlight.settings import ScalingSettings

STEP: Final = 4
STEP_WINDOW_S: Final = 15
"""At most four starts, or as many as live already, in 15 s: reliability section 5.5, item 5."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One worker at one moment: its jobs, its replicas, and those that hold a job."""

    load: Load
    replicas: tuple[Replica, ...] = ()
    busy: frozenset[str] = frozenset()

    @property
    def live(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.stage in LIVE]

    @property
    def draining(self) -> list[Replica]:
        """They take no more jobs but still hold their place, and perhaps the GPU's memory."""
        return [replica for replica in self.replicas if replica.stage == "draining"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do about one worker now, and why."""

    worker: str
    start: int = 0
    retire: tuple[str, ...] = ()
    """Ids of idle replicas, the one that idled longest first."""
    reason: str
    look_at: float | None = None
    """When time alone may change the answer; None: only an event can."""


def decide(
    snapshot: Snapshot, spec: WorkerSpec, *, now: float, limits: ScalingSettings
) -> Decision:
    """Starting and loading replicas count as capacity; a busy one is never named in ``retire``."""
    wanted = wanted_replicas(snapshot, spec)
    if wanted > len(snapshot.live):
        return _grow(snapshot, spec, wanted, now=now, limits=limits)
    return _shrink(snapshot, spec, wanted, now=now, limits=limits)


def wanted_replicas(snapshot: Snapshot, spec: WorkerSpec) -> int:
    """One slot for each job that waits or runs, within the worker's minimum and maximum.

    Jobs that a draining replica finishes need no slot of their own.
    """
    leaving = sum(replica.slots for replica in snapshot.draining if replica.id in snapshot.busy)
    jobs = snapshot.load.queued + max(0, snapshot.load.running - leaving)
    needed = math.ceil(jobs / spec.jobs_per_replica)
    return min(max(needed, spec.min_replicas), spec.max_replicas)


def _grow(
    snapshot: Snapshot, spec: WorkerSpec, wanted: int, *, now: float, limits: ScalingSettings
) -> Decision:
    live = snapshot.live
    oldest = snapshot.load.oldest_queued_at
    patient_until = (now if oldest is None else oldest) + limits.patience_s
    if now < patient_until:
        wanted = max(spec.min_replicas, 1)  # one at once; more when it proves to be too little
    if wanted <= len(live):
        reason = "a live replica may have a slot in a moment"
        return Decision(worker=spec.name, reason=reason, look_at=patient_until)
    obstacle = _obstacle(snapshot, spec, now=now, limits=limits)
    if obstacle is not None:
        return obstacle
    count = min(wanted - len(live), _room(snapshot, spec), _step(live, now))
    if backoff_of(snapshot.replicas, limits).failures:
        count = 1  # after a failure one replica shows first whether it loads now
    load = snapshot.load
    reason = f"{load.queued} wait, {load.running} run, {len(live)} of {wanted} live"
    return Decision(
        worker=spec.name,
        start=count,
        reason=reason,
        look_at=patient_until if now < patient_until else None,
    )


def _room(snapshot: Snapshot, spec: WorkerSpec) -> int:
    return spec.max_replicas - len(snapshot.live) - len(snapshot.draining)


def _step(live: list[Replica], now: float) -> int:
    recent = sum(replica.asked_at > now - STEP_WINDOW_S for replica in live)
    return max(STEP, len(live) - recent) - recent


def _obstacle(
    snapshot: Snapshot, spec: WorkerSpec, *, now: float, limits: ScalingSettings
) -> Decision | None:
    """Why no replica is started although one is wanted; None when nothing is in the way."""
    live = snapshot.live

    def wait(reason: str, look_at: float | None = None) -> Decision:
        return Decision(worker=spec.name, reason=reason, look_at=look_at)

    backoff = backoff_of(snapshot.replicas, limits)
    if now < backoff.until:
        return wait(
            f"{backoff.error} (failed starts: {backoff.failures}; "
            f"the next in {backoff.until - now:.0f} s)",
            backoff.until,
        )
    if backoff.failures and any(replica.ready_at is None for replica in live):
        return wait(f"one start shows whether it loads now; before: {backoff.error}")
    if _room(snapshot, spec) <= 0:
        return wait("a draining replica still holds its place")
    if _step(live, now) <= 0:
        oldest_start = min(one.asked_at for one in live if one.asked_at > now - STEP_WINDOW_S)
        return wait("many have just been started", oldest_start + STEP_WINDOW_S)
    return None


def _idle_since(replica: Replica) -> float:
    return max(replica.active_at, replica.ready_at or replica.asked_at)


def _shrink(
    snapshot: Snapshot, spec: WorkerSpec, wanted: int, *, now: float, limits: ScalingSettings
) -> Decision:
    live = len(snapshot.live)
    idle = sorted(
        (one for one in snapshot.live if one.stage == "ready" and one.id not in snapshot.busy),
        key=_idle_since,
    )
    retire: list[str] = []
    look_at = None
    keep_alive_s = spec.keep_alive_s if limits.keep_alive_s is None else limits.keep_alive_s
    for replica in idle[: live - wanted]:
        is_last = live - len(retire) == 1
        keep_s = keep_alive_s if is_last else min(limits.spare_s, keep_alive_s)
        if now < _idle_since(replica) + keep_s:
            look_at = _idle_since(replica) + keep_s
            break
        retire.append(replica.id)
    return Decision(
        worker=spec.name,
        retire=tuple(retire),
        reason=_calm(snapshot, wanted, now, idle[: len(retire)]),
        look_at=look_at,
    )


def _calm(snapshot: Snapshot, wanted: int, now: float, going: list[Replica]) -> str:
    if going:
        return f"idle for {now - _idle_since(going[0]):.0f} s, {wanted} wanted"
    load = snapshot.load
    return f"{load.queued} wait, {load.running} run, {len(snapshot.live)} live, {wanted} wanted"
