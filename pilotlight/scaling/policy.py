"""How many replicas a worker should have: its policy's plan, held within its terms. No I/O.

A busy replica is never named in ``retire``, an idle one never in ``drain``; starting and loading
ones count as capacity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.scaling.backoff import backoff_of
from pilotlight.scaling.knowledge import DAY_S, Knowledge
from pilotlight.scaling.scene import Plan, Scene, Snapshot, idle_since
from pilotlight.scaling.windows import asked_for

if TYPE_CHECKING:
    from pilotlight.ports.fleet import Replica
    from pilotlight.ports.learned import Warmth
    from pilotlight.scaling.terms import Terms

__all__ = ["Decision", "Snapshot", "decide"]

_NOTHING: Final = Knowledge()
"""Never told anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do about one worker now, and why."""

    worker: str
    start: int = 0
    retire: tuple[str, ...] = ()
    """Ids of idle replicas, the one that idled longest first."""
    drain: tuple[str, ...] = ()
    """Ids of busy replicas that finish what they hold, take nothing more, and leave."""
    reason: str
    look_at: float | None = None
    """When time alone may change the answer; None: only an event can."""
    memory: object = None
    """The policy's, for the next decision."""


def decide(
    snapshot: Snapshot,
    terms: Terms,
    *,
    now: float,
    known: Knowledge = _NOTHING,
    memory: object = None,
    warm: Warmth | None = None,
) -> Decision:
    """The work does not grow with the number of jobs. Changes nothing, ``known`` included."""
    scene = Scene(snapshot, slots=terms.slots, now=now, known=known, memory=memory)
    plan = terms.policy.plan(scene)
    if terms.paused:
        reason = f"paused; {scene.load.queued} wait until it is not"
        return _close(scene, terms, plan, reason=reason, look_at=None)
    if terms.hours_per_day is not None and known.spent_hours(now) >= terms.hours_per_day:
        return _over_budget(scene, terms, plan)
    asked, changes_at, who = asked_for(terms.windows, warm, now)
    floor = min(max(terms.min_replicas, asked, _buffered(scene, terms)), terms.max_replicas)
    missing = floor - len(scene.live)
    if missing > 0:
        reason = f"{scene.say()}; {floor} are kept" + (f" for {who}" if asked == floor else "")
        plan = Plan(start=max(missing, plan.start), reason=reason, look_at=plan.look_at)
    decision = _start(scene, terms, plan) if plan.start else _retire(scene, terms, plan, floor)
    return _sooner(decision, changes_at)


def _buffered(scene: Scene, terms: Terms) -> int:
    """Beyond what is needed; a fleet at zero stays there."""
    if not scene.jobs:
        return 0
    extra = max(terms.buffer, math.ceil(terms.buffer_share * scene.needed))
    return scene.needed + extra if extra else 0


def _answer(terms: Terms, plan: Plan, **changes: object) -> Decision:
    fields: dict[str, object] = {"reason": plan.reason, "look_at": plan.look_at} | changes
    return Decision(worker=terms.worker, memory=plan.memory, **fields)  # type: ignore[arg-type]


def _sooner(decision: Decision, at: float | None) -> Decision:
    if at is None or (decision.look_at is not None and decision.look_at <= at):
        return decision
    return Decision(
        worker=decision.worker,
        start=decision.start,
        retire=decision.retire,
        drain=decision.drain,
        reason=decision.reason,
        look_at=at,
        memory=decision.memory,
    )


def _over_budget(scene: Scene, terms: Terms, plan: Plan) -> Decision:
    """Jobs that run are finished; nothing else costs anything until midnight."""
    midnight = (scene.now // DAY_S + 1) * DAY_S
    reason = f"today's {terms.hours_per_day:g} GPU-hours are spent; again at midnight UTC"
    return _close(scene, terms, plan, reason=reason, look_at=midnight)


def _close(
    scene: Scene, terms: Terms, plan: Plan, *, reason: str, look_at: float | None
) -> Decision:
    """Nothing starts, and nobody takes a further job, however many wait."""
    busy = scene.snapshot.busy
    going = tuple(one.id for one in scene.live if one.id not in busy)
    last = tuple(one.id for one in scene.live if one.id in busy)
    return _answer(terms, plan, retire=going, drain=last, reason=reason, look_at=look_at)


# Out


def _start(scene: Scene, terms: Terms, plan: Plan) -> Decision:
    obstacle = _obstacle(scene, terms, plan)
    if obstacle is not None:
        return obstacle
    if backoff_of(scene.snapshot.replicas, terms).failures:
        return _answer(terms, plan, start=1)  # it shows first whether loading works now
    room, step = _room(scene, terms), _step(scene.live, terms, scene.now)
    decision = _answer(terms, plan, start=min(plan.start, room, step))
    more_later = step < min(plan.start, room)
    return _sooner(decision, _step_opens_at(scene, terms) if more_later else None)


def _room(scene: Scene, terms: Terms) -> int:
    return terms.max_replicas - len(scene.live) - len(scene.snapshot.draining)


def _step(live: list[Replica], terms: Terms, now: float) -> int:
    """How many may be started now: a step, or as many as have lived for a while."""
    recent = sum(replica.asked_at > now - terms.start_window_s for replica in live)
    return max(terms.start_step, len(live) - recent) - recent


def _step_opens_at(scene: Scene, terms: Terms) -> float:
    """When the oldest start within the window leaves it; those of now are among them."""
    began = scene.now - terms.start_window_s
    recent = [one.asked_at for one in scene.live if one.asked_at > began]
    return min(recent, default=scene.now) + terms.start_window_s


def _obstacle(scene: Scene, terms: Terms, plan: Plan) -> Decision | None:
    """Why no replica is started although one is wanted; None when nothing is in the way."""
    live, now = scene.live, scene.now
    backoff = backoff_of(scene.snapshot.replicas, terms)
    if now < backoff.until:
        reason = (
            f"{backoff.error} (failed starts: {backoff.failures}; "
            f"the next in {backoff.until - now:.0f} s)"
        )
        return _answer(terms, plan, reason=reason, look_at=backoff.until)
    if backoff.failures and any(replica.ready_at is None for replica in live):
        reason = f"one start shows whether it loads now; before: {backoff.error}"
        return _answer(terms, plan, reason=reason)
    if _room(scene, terms) <= 0:
        return _answer(terms, plan, reason=_no_room(scene, terms))
    if _step(live, terms, now) <= 0:
        reason = "many have just been started"
        return _answer(terms, plan, reason=reason, look_at=_step_opens_at(scene, terms))
    return None


def _no_room(scene: Scene, terms: Terms) -> str:
    if scene.snapshot.draining:
        return "a draining replica still holds its place"
    return f"{scene.say()}; {terms.max_replicas} is the most"


# In


def _retire(scene: Scene, terms: Terms, plan: Plan, floor: int) -> Decision:
    live = len(scene.live)
    going = plan.retire[: max(0, live - floor)]
    look_at = plan.look_at
    if going and len(going) == live:  # the last one has a delay of its own
        last = next(one for one in scene.idle if one.id == going[-1])
        stays_until = idle_since(last) + terms.last_s
        if scene.now < stays_until:
            going = going[:-1]
            look_at = stays_until if look_at is None else min(look_at, stays_until)
    reason = plan.reason if going == plan.retire else f"{scene.say()}; the last ones are kept"
    return _answer(terms, plan, retire=going, reason=reason, look_at=look_at)
