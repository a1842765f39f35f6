"""The chores where every look at the rows is a request that somebody pays for.

While something runs they keep the pace of a machine of its own; while nothing does, they look
once a minute, and a submit wakes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from handlers.upkeep import (
    CALM_S,
    CLEAN_FIRST_S,
    CLEAN_S,
    Chore,
    Work,
    clean,
    daily,
    forget_replicas,
    free_jobs_of_the_dead,
)
from pilotlight.bootstrap.ingress import Services

_AWAKE_S: Final = 30.0
"""After a submit, until its replica shows up in the fleet, or does not."""
_REAP_S: Final = 2.0
_WEBHOOKS_S: Final = 0.5
"""A replica ended a job in another process: nobody says so here."""


class Pace:
    """How often to look: it depends on whether anything runs."""

    def __init__(self, services: Services) -> None:
        self._fleet, self._lit = services.fleet, services.controller.lit
        self._calm_s = services.settings.queue.upkeep_s
        self._awake_until = float("-inf")

    def busy(self, now: float) -> bool:
        if self._lit.is_set():
            self._awake_until = now + _AWAKE_S
        return not self._fleet.is_empty or now < self._awake_until

    def every_s(self, busy_s: float, now: float) -> float:
        return busy_s if self.busy(now) else self._calm_s

    def paced(self, work: Callable[[float], object], *, busy_s: float) -> Work:
        """The same work, done when the pace wants it; being woken early only asks for the pace."""
        done_at = float("-inf")

        def step(now: float) -> float:
            nonlocal done_at
            every_s = self.every_s(busy_s, now)
            if now >= done_at + every_s:
                done_at = now
                again_at = work(now)
                if isinstance(again_at, float):
                    return min(again_at, now + every_s)
            return done_at + every_s

        return step


def remote_chores(services: Services, *, kick: Callable[[], None]) -> tuple[Chore, ...]:
    """``kick`` makes the dispatcher look for webhooks that are due."""
    pace, lit = Pace(services), services.controller.lit
    fleet, reaper, controller = services.fleet, services.reaper, services.controller
    tick_s = services.settings.scaling.tick_s

    def webhooks(now: float) -> None:
        if pace.busy(now):  # else the dispatcher looks by itself, and as seldom
            kick()

    def scale(now: float) -> float:
        pace_s = pace.every_s(tick_s, now)  # before the look puts out the light
        looks = [one.look_at for one in controller(now) if one.look_at is not None]
        return min([*looks, now + pace_s])

    chores = [
        Chore("exits", CALM_S, free_jobs_of_the_dead(fleet, reaper, lit)),
        Chore("reap", CLEAN_S, pace.paced(reaper, busy_s=_REAP_S), woken_by=lit),
        Chore("webhooks", CLEAN_S, pace.paced(webhooks, busy_s=_WEBHOOKS_S), woken_by=lit),
        Chore("scale", CLEAN_S, scale, woken_by=lit),
        Chore("clean", CLEAN_S, clean(services.store, services.blobs), first_s=CLEAN_FIRST_S),
        Chore("replicas", CLEAN_S, forget_replicas(fleet), first_s=CLEAN_FIRST_S),
        daily(services.orphans),
    ]
    letters = services.dead_letters
    if letters is not None:
        calm_s = services.settings.queue.upkeep_s
        chores.append(Chore("dead letters", CLEAN_S, pace.paced(letters, busy_s=calm_s)))
    return tuple(chores)
