"""Timed work where a timer wakes a Lambda each minute, and capacity where a submit wakes one.

While jobs wait or run the Lambda stays for most of its minute and looks again: a lost lease is then
taken back as soon as the reliability figures promise. While none does, it looks once.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from handlers.measuring import Measure
from handlers.upkeep import (
    CLEAN_S,
    Chore,
    Upkeep,
    Work,
    clean,
    daily,
    forget_replicas,
    free_jobs_of_the_dead,
)
from pilotlight.bootstrap.ingress import Services
from pilotlight.observability.metrics import Figures, WorkerFigures, emf, letters_line

LOOK_S: Final = 20.0
"""Between two looks while jobs wait or run: the reaper's pace of reliability section 2.4."""
_STAY_S: Final = 55.0
"""The next minute's invocation goes on."""
GROUPS_S: Final = 15.0
"""Then the other chores have their turn, and groups theirs at the next look."""
_MEASURE_S: Final = 50.0
QUIET_S: Final = 600.0
"""Zeros that end a worker's lines, so that an alarm on them is seen to be over."""
_NOTHING: Final = WorkerFigures()
_TRIES: Final = 6
_PAUSE_S: Final = 0.3
"""An index shows a new row a moment later."""


class MinuteUpkeep:
    """``say`` is told each line of metrics, in place of standard output."""

    def __init__(self, services: Services, *, say: Callable[[str], object] | None = None) -> None:
        self._services, self._clock, self._say = services, services.clock, say or print_line
        self._measure = Measure(services)
        self._figures: Figures | None = None
        self._stirred: dict[str, float] = {}
        """When there was last something to tell of a worker."""
        rng = random.Random()  # noqa: S311 - spreads load, guards nothing
        self._upkeep, self._after_stop = (
            Upkeep(chores, clock=services.clock, wake=threading.Event())
            for chores in (self._chores(rng), self._urgent())
        )

    def __call__(self, *, within_s: float) -> int:
        """The work of this minute; how often it looked. ``within_s``: the invocation's time."""
        began, looks = self._clock.monotonic(), 0
        ends_at = began + min(within_s - LOOK_S / 2, _STAY_S)
        while True:
            self._upkeep.step()
            looks += 1
            if not self._busy or self._clock.monotonic() + LOOK_S > ends_at:
                return looks
            self._clock.sleep(LOOK_S)

    def after_a_stop(self) -> int:
        """What cannot wait for the minute when a task has ended: its jobs, and its place; one look.

        It stays for no minute and measures nothing. Fifty tasks that end are fifty invocations beside
        the minute's own, and each process that measured would count the same ends once more.
        """
        self._after_stop.step()
        return 1

    @property
    def _busy(self) -> bool:
        return self._figures is None or self._figures.busy

    def _chores(self, rng: random.Random) -> tuple[Chore, ...]:
        services = self._services
        found = [*self._urgent(), Chore("groups", 0, _done(self._groups))]
        if services.drops is not None:
            drops = services.drops
            found.append(Chore("drop", 0, _done(lambda _now: drops.step())))
        if services.dead_letters is not None:
            found.append(Chore("dead letters", _MEASURE_S, _done(self._letters)))
        first_s = CLEAN_S * rng.random() / 4  # not every new process at once, nor all the time
        return (
            *found,
            Chore("clean", CLEAN_S, clean(services.store, services.blobs), first_s=first_s),
            Chore("replicas", CLEAN_S, forget_replicas(services.fleet), first_s=first_s),
            daily(services.orphans, first_s=first_s),
            Chore("measure", _MEASURE_S, _done(self._tell)),
        )

    def _urgent(self) -> tuple[Chore, ...]:
        services = self._services
        return (
            Chore("exits", 0, free_jobs_of_the_dead(services.fleet, services.reaper, lit())),
            Chore("reap", 0, _done(services.reaper)),
            Chore("scale", 0, _done(lambda _now: look(services))),
        )

    def _groups(self, _now: float) -> None:
        """All that is due now, not one look's worth of it: a batch ends by the thousand."""
        steward, clock = self._services.steward, self._clock
        ends_at = clock.monotonic() + GROUPS_S
        while clock.monotonic() < ends_at:
            again_at = steward(clock.now())
            if again_at is None or again_at > clock.now():
                return

    def _letters(self, now: float) -> None:
        assert self._services.dead_letters is not None
        fates = self._services.dead_letters(now)
        self._measure.letters += sum(fates.values()) - fates.get("young", 0)

    def _tell(self, now: float) -> None:
        figures = self._figures = self._measure(now)
        for line in emf(self._of_note(figures), stage=self._services.settings.aws.stage):
            self._say(line)

    def _of_note(self, figures: Figures) -> Figures:
        """Without workers of which nothing was to be told for a while: CloudWatch asks 2.40 dollars a
        month for the eight figures of a worker, by the hours in which there are any.
        """
        for name, one in figures.workers.items():
            if one != _NOTHING:
                self._stirred[name] = figures.at
        since = figures.at - QUIET_S
        told = {n: one for n, one in figures.workers.items() if self._stirred.get(n, 0.0) > since}
        return replace(figures, workers=told)


def lit() -> threading.Event:
    """Nobody waits for it: this process looks at capacity in the same pass."""
    return threading.Event()


def _done(work: Callable[[float], object]) -> Work:
    """When to look again is the timer's business."""

    def step(now: float) -> None:
        work(now)

    return step


def look(services: Services) -> bool:
    """One look at capacity, and another if somebody asked meanwhile; False if others look now."""
    turn = services.turn
    if turn is None:
        services.controller(services.clock.now())
        return True
    if not turn.take():
        return False
    while True:
        try:
            services.controller(services.clock.now())
        except BaseException:
            turn.give()
            raise
        if turn.give():
            return True


def kick(services: Services, worker: str) -> bool:
    """A job of this worker was just recorded: look until it is seen; whether anybody looked."""
    known = worker in services.catalogue.workers
    fleet = services.controller.pools.fleet_of(worker)
    for _ in range(_TRIES):
        if not look(services):
            return False
        if not known or fleet in services.controller.decisions:
            return True
        services.clock.sleep(_PAUSE_S)
    return True


def tell_letters(services: Services, count: int) -> None:
    aws = services.settings.aws
    print_line(letters_line(count, stage=aws.stage, at=services.clock.now()))


def print_line(line: str) -> None:
    """CloudWatch reads metrics out of standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
