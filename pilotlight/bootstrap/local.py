"""Local mode: SQLite, a folder, wake-ups on the loopback interface, subprocesses."""

from __future__ import annotations

import contextlib
import os
import secrets as chance
from functools import partial
from typing import TYPE_CHECKING

from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.feed import SqliteFeed, WakeAnnouncer
from pilotlight.adapters.local.queue import TableQueueReceiver, TableQueueSender, ranks
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket
from pilotlight.bootstrap import letting_go
from pilotlight.bootstrap.replicas import assemble
from pilotlight.contracts.pools import Pools
from pilotlight.errors import SettingsError
from pilotlight.execution.replica import ReplicaPorts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pilotlight.bootstrap.parts import IngressParts
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.replica import Replica
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.queue import QueueReceiver
    from pilotlight.settings import Settings


def database_path(settings: Settings) -> Path:
    return settings.data / "jobs.db"


def pointed(settings: Settings) -> Settings:
    return settings


def is_there(settings: Settings) -> bool:
    """Whether anybody ever used this data folder."""
    return database_path(settings).exists()


@contextlib.contextmanager
def surroundings(settings: Settings) -> Iterator[Settings]:
    """Local mode needs none."""
    yield settings


def _secret() -> bytes:
    return chance.token_bytes(32)


def _blobs(settings: Settings, secrets: FileSecrets, clock: Clock) -> FolderBlobs:
    grants = secrets.get_or_create("file-grants", _secret)
    return FolderBlobs(settings.data / "files", secret=grants, clock=clock)


def parts(settings: Settings, specs: Mapping[str, WorkerSpec], clock: Clock) -> IngressParts:
    """Open the data folder. Raises SettingsError for one of another release."""
    # Imported here: asyncio and the rest of the ingress are megabytes that no replica needs.
    from pilotlight.adapters.local.agents import SqliteAgents  # noqa: PLC0415
    from pilotlight.adapters.local.drop import LocalDropFolder, SqliteDropLedger  # noqa: PLC0415
    from pilotlight.adapters.local.ends import SqliteEnds  # noqa: PLC0415
    from pilotlight.adapters.local.files import SqliteFiles  # noqa: PLC0415
    from pilotlight.adapters.local.fleet import LocalFleet  # noqa: PLC0415
    from pilotlight.adapters.local.groups import SqliteGroups  # noqa: PLC0415
    from pilotlight.adapters.local.health import room_trouble  # noqa: PLC0415
    from pilotlight.adapters.local.keys import SqliteKeys  # noqa: PLC0415
    from pilotlight.adapters.local.learned import SqliteLearned  # noqa: PLC0415
    from pilotlight.adapters.local.overrules import SqliteOverrules  # noqa: PLC0415
    from pilotlight.adapters.local.replicas import ReplicaRows  # noqa: PLC0415
    from pilotlight.adapters.local.watch import WakeWatch  # noqa: PLC0415
    from pilotlight.bootstrap.parts import IngressParts  # noqa: PLC0415

    database, wake = Database(database_path(settings)), WakeSocket()
    secrets = FileSecrets(settings.data / "secrets")

    def close() -> None:
        wake.close()
        database.close()

    return IngressParts(
        store=SqliteStore(database),
        groups=SqliteGroups(database),
        agents=SqliteAgents(database),
        queue=TableQueueSender(database, wake, Pools(specs).fleet_of),
        blobs=_blobs(settings, secrets, clock),
        feed=SqliteFeed(database),
        watch=WakeWatch(database, wake),
        announcer=WakeAnnouncer(database, wake, clock),
        fleet=LocalFleet(ReplicaRows(database), settings=settings, specs=specs, clock=clock),
        keys=SqliteKeys(database),
        files=SqliteFiles(database),
        learned=SqliteLearned(database),
        overrules=SqliteOverrules(database),
        ends=SqliteEnds(database),
        secrets=secrets,
        drop=(LocalDropFolder(settings.data), SqliteDropLedger(database)),
        checkpoint=database.checkpoint,
        disk_trouble=partial(room_trouble, settings.data),
        close=close,
    )


def replica(
    settings: Settings, spec: WorkerSpec, replica_id: str | None, *, supervisor_fd: int | None
) -> Replica:
    if replica_id is None:
        raise SettingsError("in local mode `pilotlight up` starts the replicas, each with an id")
    clock = SystemClock()
    database, wake = Database(database_path(settings)), WakeSocket()
    queue = TableQueueReceiver(database, wake, clock, worker=spec.name, replica_id=replica_id)
    ports = _replica_ports(settings, database, wake, queue, clock)
    forks = supervisor_fd is not None  # a process of its own, not a test's
    return assemble(replica_id, spec, ports, supervisor_fd=supervisor_fd, forks=forks)


def pooled_replica(
    settings: Settings,
    pool: str,
    members: Sequence[WorkerSpec],
    replica_id: str | None,
    *,
    supervisor_fd: int | None,
) -> Replica:
    if replica_id is None:
        raise SettingsError("in local mode `pilotlight up` starts the replicas, each with an id")
    # Nothing for replicas with one worker.
    from pilotlight.adapters.local.neighbours import SqliteNeighbours  # noqa: PLC0415
    from pilotlight.bootstrap import pools  # noqa: PLC0415

    clock = SystemClock()
    database, wake = Database(database_path(settings)), WakeSocket()
    receivers = {
        spec.name: TableQueueReceiver(
            database, wake, clock, worker=spec.name, replica_id=replica_id, fleet=pool
        )
        for spec in members
    }
    rank = ranks(database)
    queue = pools.queue_of(
        settings,
        pool,
        members,
        receivers,
        rank=rank,
        clock=clock,
        holds=False,
        host=replica_id,
        neighbours=SqliteNeighbours(database, pool=pool, replica_id=replica_id),
    )
    ports = _replica_ports(settings, database, wake, queue, clock)
    return pools.assemble(replica_id, pool, members, ports, queue, supervisor_fd=supervisor_fd)


def _replica_ports(
    settings: Settings, database: Database, wake: WakeSocket, queue: QueueReceiver, clock: Clock
) -> ReplicaPorts:
    feed = SqliteFeed(database)
    return ReplicaPorts(
        store=SqliteStore(database),
        queue=queue,
        feed=feed,
        blobs=_blobs(settings, FileSecrets(settings.data / "secrets"), clock),
        roster=SqliteRoster(database, pid=os.getpid()),
        announcer=WakeAnnouncer(database, wake, clock),
        clock=clock,
        settings=settings,
        let_go=letting_go.by_name(settings.workers, feed, clock),
    )
