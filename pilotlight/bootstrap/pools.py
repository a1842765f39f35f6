"""Pooled hosts over the ports of any mode."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from pilotlight.contracts.pools import merged
from pilotlight.execution.child_process import child_argv
from pilotlight.execution.pool_queue import PooledQueue
from pilotlight.execution.pool_replica import PooledReplica
from pilotlight.scaling.router import PoolRouter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.replica_ports import ReplicaPorts
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.pool import Neighbours
    from pilotlight.ports.queue import QueueReceiver
    from pilotlight.settings import Settings

_GIB = 1024**3


def memory_gib(settings: Settings, pool: str) -> float:
    """For models: as was set, else half of what this machine has."""
    own = settings.pools.get(pool)
    if own is not None and own.memory_gib is not None:
        return own.memory_gib
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB / 2


def queue_of(
    settings: Settings,
    pool: str,
    members: Sequence[WorkerSpec],
    receivers: Mapping[str, QueueReceiver],
    *,
    rank: Callable[[str], tuple[int, int]],
    clock: Clock,
    holds: bool,
    host: str = "here",
    neighbours: Neighbours | None = None,
) -> PooledQueue:
    """Without ``neighbours`` a host decides for itself alone."""
    gpu = any(spec.gpu_memory_gib for spec in members)
    router = PoolRouter(members, memory_gib=memory_gib(settings, pool), gpu=gpu, host=host)
    return PooledQueue(
        receivers,
        router,
        rank=rank,
        clock=clock,
        parks=gpu,
        holds=holds,
        neighbours=neighbours,
    )


def assemble(
    replica_id: str,
    pool: str,
    members: Sequence[WorkerSpec],
    ports: ReplicaPorts,
    queue: PooledQueue,
    *,
    supervisor_fd: int | None,
) -> PooledReplica:
    """Ready to run. ``ports.queue`` is ``queue``."""
    settings = ports.settings
    return PooledReplica(
        replica_id,
        merged(pool, tuple(members)),
        pool=queue,
        load_timeouts_s={spec.name: spec.load_timeout_s for spec in members},
        ports=ports,
        scratch=settings.data / "scratch" / replica_id,
        child_argv=child_argv(pool, settings.workers, pooled=True),
        rng=random.Random(),  # noqa: S311 - spreads load, guards nothing
        supervisor_fd=supervisor_fd,
    )
