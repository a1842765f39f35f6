"""Replica processes: started after a while, struck by faults, running the real replica."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.execution.replica import Replica
from pilotlight.execution.replica_ports import ReplicaPorts
from tests.sim.machine import SimMachine
from tests.sim.messages import Ear
from tests.sim.process import Process

if TYPE_CHECKING:
    from tests.sim.site import Site

_MEAN_TO_KILL_S: Final = 700.0
_MEAN_TO_PAUSE_S: Final = 900.0
_MEAN_TO_PARTITION_S: Final = 900.0
_LONGEST_PARTITION_S: Final = 240.0
"""Four times the lease: the child goes on, another replica takes the job over, and only its own
clock can tell this one. A pause cannot show that: a parent that wakes up from one writes its beat in
the very turn in which it looks at its clock."""
_MEAN_TO_SIGTERM_S: Final = 1200.0
_KILL_AFTER_S: Final = 35.0
"""From SIGTERM to SIGKILL: the default grace and a little."""
_LONGEST_PAUSE_S: Final = 300.0
"""Five times the lease."""


@dataclass(slots=True)
class _Running:
    process: Process
    machine: SimMachine
    supervisor_fd: int | None
    replica: Replica | None = None


class ReplicaProcesses:
    def __init__(self, site: Site) -> None:
        self._site, self._world, self._faults = site, site.world, site.faults
        self.running: dict[str, _Running] = {}
        self._exits: list[str] = []
        self.starting: dict[str, int] = {}
        """Asked for and not there yet, with the number of the supervisor that asked."""
        self.told_to_leave: set[str] = set()
        self.killed: set[str] = set()
        self._given_up: set[str] = set()
        """Over for the fleet, though nobody may have been able to tell them yet."""
        self._supervisor = 0
        self._asked = 0
        self.crashes: list[str] = []
        """What a replica's own code raised, which it never should."""

    def launch(self, worker: str) -> None:
        self._asked += 1
        replica_id = f"{worker}-{self._asked}"
        spec = self._site.specs[worker]
        site = self._site
        site.replicas.add(replica_id, worker, spec.jobs_per_replica, self._world.now)
        self.starting[replica_id] = self._supervisor
        delay_s = self._world.rng.uniform(0.5, 5)
        self._world.after(delay_s, lambda: self._start(replica_id, worker))

    def _start(self, replica_id: str, worker: str) -> None:
        site = self._site
        process = Process(self._world, self._faults, replica_id, "replica")
        machine = SimMachine(process, site.models)
        selector = machine.selector
        ear = Ear(selector.descriptor(), selector.poke)
        supervisor_fd = None if site.remote else selector.descriptor()
        running = self.running[replica_id] = _Running(process, machine, supervisor_fd)
        process.on_death(lambda: self._gone(replica_id, "died"))
        ports = ReplicaPorts(
            store=site.store(process),
            queue=site.receiver(process, ear, worker),
            feed=site.feed(process),
            blobs=site.blobs(process),
            roster=site.roster(process),
            announcer=site.announcer(process),
            clock=process.clock,
            settings=site.settings,
        )
        running.replica = Replica(
            replica_id,
            site.specs[worker],
            ports=ports,
            scratch=site.folder / replica_id,
            child_argv=(),
            rng=random.Random(self._world.rng.random()),
            supervisor_fd=supervisor_fd,
            machine=machine,
        )
        process.spawn(lambda: self._main(replica_id, running))
        if self.starting.pop(replica_id) != self._supervisor and supervisor_fd is not None:
            selector.poke(supervisor_fd)  # the pipe that it inherits is at its end
        self._expose(running)

    def _main(self, replica_id: str, running: _Running) -> None:
        assert running.replica is not None
        try:
            words = f"exits {running.replica.run()}"
            running.machine.join_threads()
        except Exception as error:  # noqa: BLE001 - as an interpreter would: it ends with a traceback
            self.crashes.append(f"{replica_id}: {type(error).__name__}: {error}")
            words = f"crashes {error!r}"
        running.process.alive = False
        self._gone(replica_id, words)

    def _gone(self, replica_id: str, words: str) -> None:
        running = self.running.pop(replica_id, None)
        if running is None:
            return
        self._world.note("replica", replica_id, words)
        if words == "died":
            self.killed.add(replica_id)
            self._site.lost_with(replica_id)
        self._site.count_turns(running.machine.selector.turns)
        if not self._site.remote:
            self._exits.append(replica_id)
            return
        clean = words == "exits 0"
        now = self._world.now
        delay_s = self._world.rng.uniform(1, 15)
        self._world.after(delay_s, lambda: self._site.replicas.end(replica_id, now, clean=clean))

    def exits(self) -> list[str]:
        over, self._exits = self._exits, []
        return over

    def forget_exits(self) -> None:
        """The supervisor died: nobody saw who ended meanwhile."""
        self._exits.clear()

    def terminate(self, replica_id: str) -> None:
        running = self.running.get(replica_id)
        if running is not None:
            self.told_to_leave.add(replica_id)
            running.machine.terminate()
            self._world.after(_KILL_AFTER_S, lambda: running.process.kill("SIGKILL"))

    def end_hanging(self, replica_id: str) -> bool:
        """Whether it is over at once, as far as the fleet can tell.

        A machine that is frozen, or cut off, hears of its end when it is back, and as ECS says it:
        SIGTERM first.
        """
        running = self.running.get(replica_id)
        if running is None:
            return False
        process, world = running.process, self._world
        if not self._site.remote:
            process.kill("said nothing")
            return False
        self._given_up.add(replica_id)
        back_at = max(world.now, process.paused_until, process.cut_off_until)
        world.at(back_at + world.rng.uniform(0, 10), lambda: self.terminate(replica_id))
        return True

    def lives(self, replica_id: str | None) -> bool:
        """Whether nobody may take its place."""
        return replica_id in self.running and replica_id not in self._given_up

    def supervisor_died(self) -> None:
        self._supervisor += 1
        for running in list(self.running.values()):
            if running.supervisor_fd is not None:
                running.machine.selector.poke(running.supervisor_fd)

    # Faults

    def _expose(self, running: _Running) -> None:
        rng, world, process = self._world.rng, self._world, running.process
        if "kills" in self._faults.kinds:
            world.after(rng.expovariate(1 / _MEAN_TO_KILL_S), lambda: self._kill(process))
        if "sigterms" in self._faults.kinds:
            after = rng.expovariate(1 / _MEAN_TO_SIGTERM_S)
            world.after(after, lambda: self._sigterm(process.name))
        if "partitions" in self._faults.kinds:
            after = rng.expovariate(1 / _MEAN_TO_PARTITION_S)
            world.after(after, lambda: self._cut_off(process))
        if "pauses" in self._faults.kinds:
            world.after(rng.expovariate(1 / _MEAN_TO_PAUSE_S), lambda: self._pause(process))

    def _kill(self, process: Process) -> None:
        if process.alive and not self._faults.stopped:
            self._faults.count("kills")
            process.kill("kill -9")

    def _sigterm(self, replica_id: str) -> None:
        if replica_id in self.running and not self._faults.stopped:
            self._faults.count("sigterms")
            self._world.note("sigterm", replica_id)
            self.terminate(replica_id)

    def _cut_off(self, process: Process) -> None:
        if not process.alive or self._faults.stopped:
            return
        self._faults.count("partitions")
        process.cut_off(self._world.rng.uniform(20, _LONGEST_PARTITION_S))
        again_s = self._world.rng.expovariate(1 / _MEAN_TO_PARTITION_S)
        self._world.after(again_s, lambda: self._cut_off(process))

    def _pause(self, process: Process) -> None:
        if not process.alive or self._faults.stopped:
            return
        self._faults.count("pauses")
        process.pause(self._world.rng.uniform(5, _LONGEST_PAUSE_S))
        self._world.after(
            self._world.rng.expovariate(1 / _MEAN_TO_PAUSE_S), lambda: self._pause(process)
        )
