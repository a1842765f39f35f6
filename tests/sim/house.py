"""The house of one seed: which processes there are, and that the dead ones are replaced.

Local mode is one process with everything in it; remote mode has two ingresses, two of each duty,
and nothing in common but the store and the queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.errors import Unavailable
from tests.sim.duties import Duties, Webhooks
from tests.sim.gatherings import steward_of
from tests.sim.ingress import Ingress
from tests.sim.process import Process
from tests.sim.store import SimWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.bootstrap.ingress import Services
    from pilotlight.ports.fleet import Replica
    from tests.sim.site import Site


class House:
    def __init__(self, site: Site) -> None:
        self._site, self._world = site, site.world
        self.ingresses: list[Ingress] = []
        self.duties: list[Duties] = []
        self._trouble: list[str] = []
        self.stewarded = False
        """Whether there are groups, and so somebody to look after them."""

    def open(self) -> None:
        if not self._site.remote:
            self._local()
            return
        for number in (1, 2):
            self._ingress(f"ingress-{number}")
            self._duties(f"upkeep-{number}")
            self._webhooks(f"dispatcher-{number}")

    @property
    def trouble(self) -> list[str]:
        return self._trouble + [one for ingress in self.ingresses for one in ingress.trouble]

    def light(self, worker: str) -> None:
        """A submit's kick; it may get lost."""
        for duties in self.duties:
            if not self._site.faults.happens("lost hints", 0.1):
                duties.light(worker)

    def _process(self, name: str, kind: str, again: Callable[[], None]) -> Process:
        process = Process(self._world, self._site.faults, name, kind)

        def died() -> None:
            self._world.after(self._world.rng.uniform(1, 10), again)

        process.on_death(died)
        return process

    def _local(self) -> None:
        """``pilotlight up``: when it dies its replicas see it and drain, the next one recovers."""
        process = self._process("up", "up", self._local)
        site = self._site
        process.on_death(site.processes.supervisor_died)
        process.on_death(site.processes.forget_exits)
        ingress = Ingress(site, process, self.light)
        duties = Duties(site, process, ingress.services)
        self._replace(self.ingresses, ingress)
        self._replace(self.duties, duties)
        self._look_after_groups(process, ingress.services)
        self._recover(duties)
        Webhooks(site, process, ingress.services).start()

    def _recover(self, duties: Duties) -> None:
        """As the local fleet does when it starts: rows of the dead are closed, their jobs freed."""

        def main() -> None:
            while True:
                try:
                    for row in list(self._site.replicas.rows.values()):
                        if row.ended_at is None:
                            self._take_over(row, duties)
                except Unavailable:
                    self._world.sleep(1)
                else:
                    duties.start()
                    return

        duties.process.spawn(main)

    def _take_over(self, row: Replica, duties: Duties) -> None:
        """Those that still run, or are on their way, drain."""
        replicas, now = self._site.replicas, duties.process.clock.now()
        processes = self._site.processes
        if row.id in processes.running or row.id in processes.starting:
            replicas.report(row.id, "draining", now, "")
        else:
            replicas.end(row.id, now, clean=False)
            duties.reaper.reap_owner(row.id)

    def _ingress(self, name: str) -> None:
        process = self._process(name, "ingress", lambda: self._ingress(name))
        self._replace(self.ingresses, Ingress(self._site, process, self.light))

    def _duties(self, name: str) -> None:
        process = self._process(name, "upkeep", lambda: self._duties(name))
        duties = Duties(self._site, process, self._site.services(process, SimWatch()))
        self._replace(self.duties, duties)
        self._look_after_groups(process, duties._services)
        duties.start()

    def _look_after_groups(self, process: Process, services: Services) -> None:
        if self.stewarded:
            steward_of(self._site, process, services)

    def _webhooks(self, name: str) -> None:
        process = self._process(name, "dispatcher", lambda: self._webhooks(name))
        Webhooks(self._site, process, self._site.services(process, SimWatch())).start()

    def _replace(self, known: list, one: Ingress | Duties) -> None:  # type: ignore[type-arg]
        for dead in [old for old in known if not old.process.alive]:
            known.remove(dead)
            if isinstance(dead, Ingress):
                self._trouble += [line for line in dead.trouble if "destroyed" not in line]
        known.append(one)
