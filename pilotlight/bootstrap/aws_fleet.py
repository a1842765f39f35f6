"""Where replicas of AWS mode run: as processes of this machine, or as tasks of ECS services."""

from __future__ import annotations

import os
import secrets as chance
import socket
from typing import TYPE_CHECKING

from pilotlight.adapters.aws.alive import Alive
from pilotlight.adapters.aws.ecs import Ecs
from pilotlight.adapters.aws.ecs_fleet import EcsFleet
from pilotlight.adapters.aws.enrolment import enrol, place_of
from pilotlight.adapters.aws.parameters import SsmOverrules
from pilotlight.adapters.aws.protection import Agent, Api, ProtectedRoster, task_here
from pilotlight.adapters.aws.register import DynamoRegister
from pilotlight.adapters.aws.roster import DynamoRoster
from pilotlight.adapters.local.fleet import LocalFleet
from pilotlight.adapters.local.processes import started_at
from pilotlight.contracts.pools import Pools
from pilotlight.settings import task_agent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.adapters.aws.calls import Calls
    from pilotlight.adapters.aws.clients import Clients
    from pilotlight.adapters.aws.enrolment import Task
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.fleet import Roster, Supervisor
    from pilotlight.ports.overrules import Overrules
    from pilotlight.settings import Settings


def register(settings: Settings, calls: Calls) -> DynamoRegister:
    """Of everybody's replicas; those of one place are its supervisor's to close."""
    cluster = settings.aws.cluster
    here = f"{socket.gethostname()}:{settings.data.absolute()}"
    return DynamoRegister(
        calls, settings.aws.jobs_table, place=place_of(cluster) if cluster else here
    )


def fleet(
    settings: Settings,
    clients: Clients,
    rows: DynamoRegister,
    specs: Mapping[str, WorkerSpec],
    clock: Clock,
) -> Supervisor:
    aws = settings.aws
    if not aws.cluster:
        return LocalFleet(rows, settings=settings, specs=specs, clock=clock)
    ecs = Ecs(clients.control("ecs"), cluster=aws.cluster, prefix=aws.service_prefix)
    return EcsFleet(rows, ecs, Pools(specs).fleets, clock=clock, lease=settings.lease)


def overrules(
    settings: Settings, clients: Clients, specs: Mapping[str, WorkerSpec]
) -> Overrules | None:
    """Of fleets: a pool is overruled by its own name."""
    if not settings.aws.parameters:
        return None
    fleets = Pools(specs).fleets
    return SsmOverrules(clients.control("ssm"), settings.aws.parameters, workers=fleets)


class Enrolment:
    """A replica's own hold on the register. Raises Unavailable when ECS does not say who we are."""

    def __init__(self, settings: Settings, clients: Clients, calls: Calls, clock: Clock) -> None:
        self._settings, self._clients, self._calls, self._clock = settings, clients, calls, clock
        self._agent_uri, metadata_uri = task_agent() if settings.aws.cluster else (None, None)
        self._task: Task | None = task_here(metadata_uri) if metadata_uri else None

    def enrolled(self, rows: DynamoRegister, spec: WorkerSpec, replica_id: str | None) -> str:
        """Nobody did it for us: started by hand, or by ECS."""
        slots, now = spec.jobs_per_replica, self._clock.now()
        if self._task is not None:
            return enrol(rows, spec.name, slots=slots, task=self._task, now=now)
        replica_id = replica_id or f"{spec.name}-{chance.token_hex(4)}"
        rows.add(replica_id, spec.name, slots=slots, now=now)
        return replica_id

    def roster(self) -> Roster:
        process = (os.getpid(), started_at(os.getpid()))
        own = DynamoRoster(self._calls, self._settings.aws.jobs_table, process=process)
        if self._task is None:
            return own
        protector = (
            Agent(self._agent_uri)
            if self._agent_uri
            else Api(self._clients.control("ecs"), self._task)
        )
        return Alive(ProtectedRoster(own, protector, self._clock), self._settings.data)
