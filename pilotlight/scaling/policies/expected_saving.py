"""A replica is started when it saves more than it costs, and kept while a return is likely enough.

One knob, ``w``: GPU-seconds the owner pays to save one second of one job's wait. Everything else
is learned (reliability section 5.5). While nothing is known, ``before`` decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pilotlight.scaling.policies.keep_alive import KeepAlive
from pilotlight.scaling.scene import Plan, idle_since, idle_words, let_go
from pilotlight.scaling.waiting import total_wait_s

if TYPE_CHECKING:
    from pilotlight.ports.fleet import Replica
    from pilotlight.scaling.scene import Policy, Scene

BATCH_W: Final = 0.5
"""Whose jobs are worth less than this may wait for company before the first replica starts."""
BATCH_AGE_S: Final = 600.0
BATCH_WORK: Final = 3.0
"""Cold starts' worth of waiting work that starts the first replica of a batch worker."""
MOST_STARTS: Final = 16
"""One plan never asks for more; the start rate allows fewer."""
MOST_BURDEN: Final = 5.0
"""Jobs that one cold start makes wait, as far as they are believed: past it nothing was won."""
LEAST_KEPT: Final = 0.1
MOST_KEPT: Final = 10.0
"""A learned length stays between these parts of the ski rental's bound."""
_FRESH_S: Final = 10.0
_LOOK_SHARE: Final = 0.1
"""While jobs wait, the sum is done again after this share of a cold start."""


@dataclass(frozen=True, slots=True)
class _Prices:
    """In seconds, learned."""

    cold_s: float
    service_s: float


@dataclass(frozen=True, slots=True)
class ExpectedSaving:
    w: float = 2.0
    before: Policy = field(default_factory=KeepAlive)
    name: str = "expected-saving"

    def plan(self, scene: Scene) -> Plan:
        cold_s, service_s = scene.known.cold_s, scene.known.service_s
        if cold_s is None or service_s is None:
            return self.before.plan(scene)
        prices = _Prices(max(cold_s, 0.001), max(_believed_s(scene, service_s), 0.001))
        if scene.load.queued and scene.needed > len(scene.live):
            plan = self._grow(scene, prices)
            if plan is not None:
                return plan
        return self._shrink(scene, prices)

    # Out

    def _grow(self, scene: Scene, prices: _Prices) -> Plan | None:
        if not scene.live:
            return self._first(scene, prices)
        free = _free_in_s(scene, prices)
        live, jobs, started = len(scene.live), scene.load.queued, 0
        waits = total_wait_s(free, jobs, prices.service_s)
        most = min(MOST_STARTS, scene.needed - live)
        while started < most:
            more = [*free, *[prices.cold_s] * scene.slots]
            fewer = total_wait_s(more, jobs, prices.service_s)
            saved = self.w * (waits - fewer)
            idles_s = self.keep_s(scene, live + started + 1, prices)
            if saved <= prices.cold_s + min(idles_s, prices.cold_s):
                break
            free, waits, started = more, fewer, started + 1
        look_at = scene.now + max(1.0, _LOOK_SHARE * prices.cold_s)
        if not started:
            return None
        reason = f"{scene.say()}; {started} more pay for themselves"
        return Plan(start=started, reason=reason, look_at=look_at)

    def _first(self, scene: Scene, prices: _Prices) -> Plan:
        oldest = scene.load.oldest_queued_at
        ripe_at = (scene.now if oldest is None else oldest) + BATCH_AGE_S
        work_s = scene.load.queued * prices.service_s
        if self.w < BATCH_W and scene.now < ripe_at and work_s <= BATCH_WORK * prices.cold_s:
            return Plan(reason=f"{scene.say()}; batch jobs wait for company", look_at=ripe_at)
        return Plan(start=1, reason=scene.say(1))

    # In

    def keep_s(self, scene: Scene, rank: int, prices: _Prices) -> float:
        """How long the replica of this rank may idle: a price between too short and too long."""
        bound = prices.cold_s * (1 + self.w * _share(rank, prices))
        gaps = scene.known.gaps(rank)
        if gaps is None:
            return bound
        price = bound
        if rank == 1:
            price = prices.cold_s * (1 + self.w * min(MOST_BURDEN, scene.known.burden))
        return min(max(gaps.best_s(price), LEAST_KEPT * bound), MOST_KEPT * price)

    def _due(self, scene: Scene, prices: _Prices) -> tuple[float, float] | None:
        """From when to when a replica is kept for jobs that come by a timer."""
        timer = None if scene.jobs else scene.known.timer()
        if timer is None:
            return None
        since, least_s, most_s = timer
        price = prices.cold_s * (1 + self.w)
        if most_s - least_s >= 0.5 * price or least_s <= price:
            return None
        return since + least_s - prices.cold_s, since + most_s + 0.1 * price

    def _shrink(self, scene: Scene, prices: _Prices) -> Plan:
        fresh_s = max(_FRESH_S, prices.service_s)
        due = self._due(scene, prices)
        if due is not None and not scene.live and due[0] <= scene.now < due[1]:
            reason = f"{scene.say()}; by its timer the next is due"
            return Plan(start=1, reason=reason, look_at=due[1])

        def keep_s(replica: Replica, rank: int) -> float:
            kept_s = self.keep_s(scene, rank, prices)
            if due is not None and rank == 1 and due[0] <= scene.now:
                return max(kept_s, due[1] - idle_since(replica))
            unused = rank > 1 and idle_since(replica) == replica.ready_at
            return min(kept_s, fresh_s) if unused else kept_s

        retire, look_at = let_go(scene, len(scene.live) - scene.needed, keep_s)
        reason = idle_words(scene, retire, scene.needed)
        if due is not None and due[0] > scene.now:
            look_at = due[0] if look_at is None else min(look_at, due[0])
        if scene.load.queued:
            soon = scene.now + max(1.0, _LOOK_SHARE * prices.cold_s)
            look_at = soon if look_at is None else min(look_at, soon)
        return Plan(retire=retire, reason=reason, look_at=look_at)


def _believed_s(scene: Scene, service_s: float) -> float:
    """How long a job takes: what other workers' jobs take says little once one of ours takes longer."""
    if scene.known.is_own or scene.known.expected_s is not None:
        return service_s
    passed = [scene.now - at for times in scene.snapshot.since.values() for at in times]
    return max(service_s, sum(passed) / len(passed)) if passed else service_s


def _share(rank: int, prices: _Prices) -> float:
    """Of a cold start, what a job waits that finds this replica gone: the others may free sooner."""
    if rank == 1:
        return 1.0
    return min(1.0, prices.service_s / ((rank - 1) * prices.cold_s))


def _free_in_s(scene: Scene, prices: _Prices) -> list[float]:
    """When each slot that lives takes its next job, from now."""
    free: list[float] = []
    since = scene.snapshot.since
    for replica in scene.live:
        if replica.ready_at is None:
            left_s = max(replica.asked_at + prices.cold_s - scene.now, 0.05 * prices.cold_s)
            free += [left_s] * scene.slots
            continue
        held = [scene.known.left_s(scene.now - at) for at in since.get(replica.id, ())]
        if not held and replica.id in scene.snapshot.busy:
            held = [prices.service_s] * scene.slots
        free += held + [0.0] * (scene.slots - len(held))
    return free
