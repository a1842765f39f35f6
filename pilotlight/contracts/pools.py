"""Which workers share hosts. A fleet serves one worker, or all workers of one pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.contracts.worker import WorkerSpec
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Pools:
    """Raises SettingsError for a pool that has a worker's name, or a worker that cannot share."""

    def __init__(self, specs: Mapping[str, WorkerSpec]) -> None:
        shared: dict[str, list[WorkerSpec]] = {}
        self._fleet_of: dict[str, str] = {}
        for name in sorted(specs):
            pool = specs[name].pool
            if pool:
                _check(specs, specs[name])
                shared.setdefault(pool, []).append(specs[name])
                self._fleet_of[name] = pool
        self.members = {pool: tuple(members) for pool, members in shared.items()}
        """By pool, in order of name."""
        self.fleets = {name: spec for name, spec in specs.items() if not spec.pool}
        """By fleet: the facts of its replicas. A pool's are what all of its members need."""
        self.fleets |= {pool: merged(pool, members) for pool, members in self.members.items()}

    def fleet_of(self, worker: str) -> str:
        """The name that replicas of this worker have."""
        return self._fleet_of.get(worker, worker)


def _check(specs: Mapping[str, WorkerSpec], spec: WorkerSpec) -> None:
    if spec.pool in specs:
        raise SettingsError(
            f"{spec.name} is in the pool {spec.pool}, which is also the name of a worker; "
            "call the pool something else"
        )
    if spec.jobs_per_replica != 1:
        raise SettingsError(
            f"{spec.name} is in the pool {spec.pool} and wants {spec.jobs_per_replica} jobs at a "
            "time; a pooled host runs one: remove pool or jobs_per_replica"
        )


def merged(pool: str, members: tuple[WorkerSpec, ...] | list[WorkerSpec]) -> WorkerSpec:
    """The facts of a host: the longest, the largest, and every endpoint."""
    limits = [spec.memory_limit_gib for spec in members]
    return WorkerSpec(
        name=pool,
        endpoints=tuple(endpoint for spec in members for endpoint in spec.endpoints),
        routes=tuple(route for spec in members for route in spec.routes),
        gpu_memory_gib=max(spec.gpu_memory_gib for spec in members),
        timeout_s=max(spec.timeout_s for spec in members),
        load_timeout_s=max(spec.load_timeout_s for spec in members),
        hang_timeout_s=max(spec.hang_timeout_s for spec in members),
        memory_limit_gib=0 if 0 in limits else sum(limits),
        min_replicas=max(spec.min_replicas for spec in members),
        max_replicas=max(spec.max_replicas for spec in members),
        checkpoints=any(spec.checkpoints for spec in members),
        keep_alive_s=max(spec.keep_alive_s for spec in members),
    )
