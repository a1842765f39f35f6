"""One replica's parent over the ports of any mode."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pilotlight.execution.child_process import child_argv
from pilotlight.execution.replica import Replica

if TYPE_CHECKING:
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.replica import ReplicaPorts


def assemble(
    replica_id: str, spec: WorkerSpec, ports: ReplicaPorts, *, supervisor_fd: int | None
) -> Replica:
    """Ready to run."""
    settings = ports.settings
    return Replica(
        replica_id,
        spec,
        ports=ports,
        scratch=settings.data / "scratch" / replica_id,
        child_argv=child_argv(spec.name, settings.workers, python=spec.python),
        rng=random.Random(),  # noqa: S311 - spreads load, guards nothing
        supervisor_fd=supervisor_fd,
    )
