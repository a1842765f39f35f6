"""Whether a replica stops its child when its lease runs out (I5, reliability section 2.5).

Nothing that such a child makes can be written: the fence sees to that. But by then another
replica may be at the same job, so that two GPUs work where one is paid for. A replica that is
paused, or held up within a call, cannot help it; one whose loop goes on can, whether or not it
reaches the store: it has a clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tests.sim.world import Violation

if TYPE_CHECKING:
    from pilotlight.contracts.job import Job
    from tests.sim.child import Models
    from tests.sim.machine import SimMachine
    from tests.sim.process import Process
    from tests.sim.replicas import ReplicaProcesses
    from tests.sim.world import World

_SPARE_S: Final = 1.0
"""Beside the grace that a child has to stop by itself."""


class _Lease(NamedTuple):
    owner: str
    until: float
    """In true time, however wrong the owner's clock is."""
    process: Process
    machine: SimMachine


class Fencing:
    def __init__(
        self, world: World, processes: ReplicaProcesses, models: Models, *, grace_s: float
    ) -> None:
        self._world, self._processes, self._models = world, processes, models
        self._grace_s = grace_s + _SPARE_S
        self._leases: dict[tuple[str, int], _Lease] = {}
        models.tell_ends(self.check)

    def kept(self, row: Job) -> None:
        """The row was leased, or its lease renewed."""
        running = self._processes.running.get(row.owner or "")
        if running is not None and row.lease_until is not None:
            until = row.lease_until - running.process.skew
            lease = _Lease(row.owner or "", until, running.process, running.machine)
            self._leases[row.id, row.fence] = lease

    def check(self, job_id: str, fence: int) -> None:
        """The child has not stopped by now.

        Two turns that far apart, after the lease was over, are enough: the first sees that it is,
        the second kills what did not heed it. The turn that is under way may be the second: what
        it writes takes its time. A replica that leaves is excused: it ends anyway.
        """
        lease = self._leases.get((job_id, fence))
        if lease is None or (job_id, fence) not in self._models.running:
            return
        if lease.owner in self._processes.told_to_leave:
            return
        begun = [turn for turn in lease.machine.selector.taken if turn > lease.until]
        if len(begun) > 1 and begun[-2] > begun[0] + self._grace_s:
            late_s = self._world.now - lease.until
            what = f"{lease.owner} runs {job_id} under {fence}, its lease over for {late_s:.0f} s"
            self._world.accuse(Violation("I5", what))
