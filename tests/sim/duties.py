"""The processes that look after the rows: upkeep and webhooks, with the real code in them."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from typing import TYPE_CHECKING, Final

from handlers import upkeep
from handlers.announcements import Renderer
from pilotlight.delivery.dispatcher import Dispatcher
from pilotlight.errors import Unavailable
from tests.sim.process import Threads
from tests.sim.receiver import SimPoster

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.bootstrap.ingress import Services
    from pilotlight.contracts.job import Job, JobError
    from tests.sim.process import Process
    from tests.sim.site import Site
    from tests.sim.world import Fiber

TIMER_S: Final = 20.0
"""How often a timer wakes upkeep where nothing runs all the time."""
_LONGEST_NAP_S: Final = 900.0


class Duties:
    """Scaling, reaping and cleaning in one process."""

    def __init__(self, site: Site, process: Process, services: Services) -> None:
        self._site, self._world, self.process = site, site.world, process
        self._services = services
        self.controller, self.reaper = services.controller, services.reaper
        self._fiber: Fiber | None = None

    def start(self) -> None:
        self._fiber = self.process.spawn(self._timed if self._site.remote else self._always)

    def light(self, worker: str) -> None:
        self.controller.light(worker)
        if self._fiber is not None and self.process.alive:
            self._world.wake(self._fiber)

    def _always(self) -> None:
        """Local mode: the real scheduler of chores."""
        chores = upkeep.local_chores(
            store=self._services.store,
            blobs=self._services.blobs,
            fleet=self._services.fleet,
            reaper=self.reaper,
            controller=self.controller,
            checkpoint=lambda: False,
            settings=self._site.settings.scaling,
        )
        running = upkeep.Upkeep(chores, clock=self.process.clock, wake=threading.Event())
        while True:
            woken = self._world.park(running.step() + 0.001)
            if woken:
                self._world.sleep(0.05)

    def _timed(self) -> None:
        """A timer calls the chores, a submit the scaler."""
        scale = upkeep.Chore("scale", TIMER_S, upkeep.scale(self.controller))
        fleet, lit = self._services.fleet, self.controller.lit
        chores = (
            upkeep.Chore("exits", TIMER_S, upkeep.free_jobs_of_the_dead(fleet, self.reaper, lit)),
            upkeep.Chore("reap", TIMER_S, upkeep.reap(self._services.store, self.reaper)),
            scale,
            upkeep.Chore("replicas", TIMER_S, upkeep.forget_replicas(fleet)),
        )
        letters = self._services.dead_letters
        assert letters is not None
        chores = (*chores, upkeep.Chore("dead letters", TIMER_S, _silently(letters)))
        due_at = self._world.now
        while True:
            if self._world.now >= due_at:
                due_at = self._world.now + TIMER_S * self._world.rng.uniform(0.9, 1.1)
                for chore in chores:
                    upkeep.run(chore, self.process.clock.now())
            elif self.controller.lit.is_set():
                upkeep.run(scale, self.process.clock.now())
                self._world.sleep(0.2)
            self._world.park(max(0.01, due_at - self._world.now))


def _silently(work: Callable[[float], object]) -> upkeep.Work:
    def run(now: float) -> None:
        work(now)

    return run


class _Dialect:
    """Says everything about a job."""

    def announce(self, job: Job, *, output: bytes | None, error: JobError | None) -> object:
        said = None if output is None else json.loads(output)
        code = None if error is None else error.code
        return {"id": job.id, "status": str(job.status), "output": said, "error": code}


class Webhooks:
    """The dispatcher's process."""

    def __init__(self, site: Site, process: Process, services: Services) -> None:
        self._site, self._world, self.process = site, site.world, process
        self.dispatcher = Dispatcher(
            services.store,
            SimPoster(site.receipts, process),
            services.signer,
            Renderer(services.control, {"sim": _Dialect()}, base_url="https://sim"),  # type: ignore[dict-item]
            clock=process.clock,
            settings=site.settings.webhook,
            rng=random.Random(site.world.rng.random()),
            pool=Threads(process),
        )

    def start(self) -> None:
        self.process.spawn(self._main)

    def _main(self) -> None:
        """As the dispatcher's own loop: a store that hiccups must not end all webhooks."""
        while True:
            with contextlib.suppress(Unavailable):
                self.dispatcher(self.process.clock.now())
            self._world.sleep(self._nap_s())

    def _nap_s(self) -> float:
        """Virtual time is cheap but not free: once all jobs are over, sleep until one is due."""
        if not self._site.faults.stopped or self._site.open or self.dispatcher._in_flight:
            return self._world.rng.uniform(0.5, 1.5)
        due = self._site.table.next_webhook_due()
        if due is None:
            return 5.0
        return min(max(1.0, due - self._world.now), _LONGEST_NAP_S)
