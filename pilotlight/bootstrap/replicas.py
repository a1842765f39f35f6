"""One replica's parent over the ports of any mode."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pilotlight.execution.child_process import child_argv
from pilotlight.execution.machine import ThisMachine
from pilotlight.execution.replica import Replica

if TYPE_CHECKING:
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.replica import ReplicaPorts


def assemble(
    replica_id: str,
    spec: WorkerSpec,
    ports: ReplicaPorts,
    *,
    supervisor_fd: int | None,
    forks: bool = False,
) -> Replica:
    """Ready to run. ``forks``: its process is its own, and holds nothing that a fork would hurt."""
    settings = ports.settings
    argv = child_argv(spec.name, settings.workers, python=spec.python)
    return Replica(
        replica_id,
        spec,
        ports=ports,
        scratch=settings.data / "scratch" / replica_id,
        child_argv=argv,
        rng=random.Random(),  # noqa: S311 - spreads load, guards nothing
        supervisor_fd=supervisor_fd,
        machine=ThisMachine(argv, forks=forks),
    )
