"""Timed work: take back lost jobs, scale, fold the log, clean up.

A chore is a plain function of the time. Locally one thread runs all of them, each when it is due
or woken; a Lambda that a timer wakes each minute runs a list of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pilotlight.contracts.artifact import ARTIFACTS
from pilotlight.contracts.group import is_cut
from pilotlight.execution.orphans import Orphans
from pilotlight.execution.reaper import Reaper
from pilotlight.observability.logs import event, failure
from pilotlight.ports.blobs import Blobs
from pilotlight.ports.clock import Clock
from pilotlight.ports.fleet import Supervisor
from pilotlight.ports.store import JobStore
from pilotlight.scaling.controller import Controller
from pilotlight.settings.scaling import ScalingSettings

Work = Callable[[float], float | None]
"""Do what is due at this moment (seconds since the epoch); say when to be called again at the
latest, or None for the chore's own interval."""

CALM_S: Final = 1.0
"""Between two looks that nobody asked for: one wake-up a second."""
BUSY_S: Final = 0.25
"""While the log outgrows its file. At 3,700 jobs/s it then stays under 60 MB, not 240 MB."""
CLEAN_S: Final = 3600.0
ORPHANS_S: Final = 24 * 3600.0
ORPHANS_FIRST_S: Final = 600.0
PURGE_BATCH: Final = 500
REPLICA_ROWS_S: Final = 3600.0
"""How long rows of ended replicas are kept: as long as a failure counts."""
CLEAN_FIRST_S: Final = 60.0
"""Not while everything starts."""
_TOGETHER_S: Final = 0.125
"""A chore joins another's wake-up when that is no further from its own time."""
_SLACK_S: Final = 0.001
"""A wait may end a moment early; then it would be two."""
_REST_S: Final = 0.05
_REST_FACTOR: Final = 20
_LONGEST_REST_S: Final = 0.5
"""After a pass that took t rest 20 t, within these: a burst of submits costs 5 % at most."""


@dataclass(frozen=True, slots=True)
class Chore:
    name: str
    every_s: float
    work: Work
    woken_by: threading.Event | None = None
    """Set by whoever cannot wait for the interval."""
    first_s: float = 0.0
    """How long after the start it is run for the first time."""


def reap(store: JobStore, reaper: Reaper) -> Work:
    """Rows that are due, looked at no more often than the earliest one asks for."""

    def work(now: float) -> float | None:
        due_at = store.next_due()
        if due_at is not None and due_at <= now:
            reaper(now)
            due_at = store.next_due()
        # A row that stays due is left alone by the reaper: it is no reason to hurry.
        return due_at if due_at is not None and due_at > now else None

    return work


def scale(controller: Controller) -> Work:
    """One look of the scaler; it knows when time alone may change its mind."""

    def work(now: float) -> float | None:
        looks = [one.look_at for one in controller(now) if one.look_at is not None]
        return min(looks, default=None)

    return work


def free_jobs_of_the_dead(fleet: Supervisor, reaper: Reaper, lit: threading.Event) -> Work:
    """A replica that ended gives its jobs back at once, and capacity is looked at again."""

    def work(_now: float) -> None:
        for ended in fleet.poll_exits():
            lit.set()
            reaper.reap_owner(ended.replica_id)

    return work


def fold_log(checkpoint: Callable[[], bool]) -> Work:
    def work(now: float) -> float | None:
        return now + BUSY_S if checkpoint() else None

    return work


def clean(store: JobStore, blobs: Blobs) -> Work:
    """Forget what is old enough, a batch at a time, so that no other chore waits for long.

    Files go before the next batch of rows is looked at; inputs are shared and expire by themselves.
    """

    def work(now: float) -> float | None:
        forgotten = store.purge(now=now, limit=PURGE_BATCH)
        for job in forgotten:
            for artifact in ARTIFACTS.validate_json(job.artifacts):
                blobs.delete(artifact.key)
        if is_cut(forgotten, PURGE_BATCH):
            return now
        swept = blobs.sweep(now=now)
        if forgotten or swept:
            event("upkeep.cleaned", jobs=len(forgotten), files=swept)
        return None

    return work


def sweep_orphans(orphans: Orphans) -> Work:
    """Files that no row leads to: some hundred at a time, all of them once a day."""

    def work(now: float) -> float | None:
        return None if orphans(now) else now

    return work


def daily(orphans: Orphans, *, first_s: float = ORPHANS_FIRST_S) -> Chore:
    return Chore("orphans", ORPHANS_S, sweep_orphans(orphans), first_s=first_s)


def forget_replicas(fleet: Supervisor) -> Work:
    def work(now: float) -> None:
        fleet.forget(ended_before=now - REPLICA_ROWS_S)

    return work


def local_chores(
    *,
    store: JobStore,
    blobs: Blobs,
    fleet: Supervisor,
    reaper: Reaper,
    controller: Controller,
    checkpoint: Callable[[], bool],
    settings: ScalingSettings,
    orphans: Orphans | None = None,
) -> tuple[Chore, ...]:
    """What a machine of its own needs, in the order in which one pass runs it."""
    lit = controller.lit
    chores = (
        Chore("exits", CALM_S, free_jobs_of_the_dead(fleet, reaper, lit), woken_by=lit),
        Chore("reap", CALM_S, reap(store, reaper)),
        Chore("checkpoint", CALM_S, fold_log(checkpoint), woken_by=lit),
        Chore("scale", settings.tick_s, scale(controller), woken_by=lit),
        Chore("clean", CLEAN_S, clean(store, blobs), first_s=CLEAN_FIRST_S),
        Chore("replicas", CLEAN_S, forget_replicas(fleet), first_s=CLEAN_FIRST_S),
    )
    return chores if orphans is None else (*chores, daily(orphans))


def run(chore: Chore, now: float) -> tuple[bool, float | None]:
    """Whether it went well, and when the chore wants to be called again."""
    try:
        return True, chore.work(now)
    except Exception:  # noqa: BLE001 - a boundary: one failing chore must never stop the others
        failure("upkeep.failed", chore=chore.name)
        return False, None


class Upkeep:
    """Runs chores in one thread until stopped. ``wake`` cuts its sleep short."""

    def __init__(self, chores: Sequence[Chore], *, clock: Clock, wake: threading.Event) -> None:
        self._chores, self._clock, self._wake = tuple(chores), clock, wake
        now = clock.monotonic()
        self._due = {chore.name: now + chore.first_s for chore in chores}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._pass_began_at = now
        self._woken_at = 0.0

    def step(self) -> float:
        """Run what is due or woken; seconds until the next chore is due."""
        self._pass_began_at = self._clock.monotonic()
        for chore in self._chores:
            woken = chore.woken_by is not None and chore.woken_by.is_set()
            if woken or self._clock.monotonic() >= self._due[chore.name]:
                self._run(chore)
        return max(0.0, min(self._due.values()) - self._clock.monotonic())

    def _run(self, chore: Chore) -> None:
        now = self._clock.now()
        went_well, again_at = run(chore, now)
        wait_s = chore.every_s
        if went_well and again_at is not None:
            wait_s = min(wait_s, max(again_at - now, _REST_S))
        self._due[chore.name] = self._joined(chore, wait_s)

    def _joined(self, chore: Chore, wait_s: float) -> float:
        """When it is due: from the start of the pass, or with a chore that is due about then."""
        due = self._pass_began_at + wait_s
        others = [at for name, at in self._due.items() if name != chore.name]
        near = min(others, key=lambda at: abs(at - due), default=due)
        return near if abs(near - due) <= min(_TOGETHER_S, wait_s / 2) else due

    def start(self) -> None:
        self._thread = threading.Thread(target=self._live, name="upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return once the chore that runs is over; none is started afterwards."""
        self._stopped.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _live(self) -> None:
        while not self._stopped.is_set():
            began = self._clock.monotonic()
            wait_s = self.step()
            took_s = self._clock.monotonic() - began
            if self._wake.wait(wait_s + _SLACK_S):
                self._rest(took_s)

    def _rest(self, took_s: float) -> None:
        """Between two looks that submits asked for; after a quiet time there is no rest."""
        rest_s = min(max(_REST_S, _REST_FACTOR * took_s), _LONGEST_REST_S)
        since_s = self._clock.monotonic() - self._woken_at
        if since_s < rest_s:
            self._stopped.wait(rest_s - since_s)
        self._woken_at = self._clock.monotonic()
