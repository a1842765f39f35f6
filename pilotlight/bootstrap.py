"""The one place where classes meet their collaborators. Nothing here is a rule.

``services`` wires the ingress and everything an operator's command needs, ``dispatcher`` the
delivery of webhooks, ``replica`` one replica's parent. Each runs in its own kind of process.
"""

from __future__ import annotations

import random
import secrets as chance
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight import catalogue
from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.feed import SqliteFeed, WakeAnnouncer, WakeWatch
from pilotlight.adapters.local.fleet import LocalFleet
from pilotlight.adapters.local.keys import SqliteKeys
from pilotlight.adapters.local.queue import TableQueueReceiver, TableQueueSender
from pilotlight.adapters.local.roster import SqliteRoster
from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket
from pilotlight.adapters.web.fetcher import GuardedFetcher
from pilotlight.adapters.web.guard import Policy
from pilotlight.adapters.web.outbound import Outbound
from pilotlight.adapters.web.poster import GuardedPoster
from pilotlight.delivery.dispatcher import Dispatcher
from pilotlight.delivery.signing import Signer
from pilotlight.execution.child_process import child_argv
from pilotlight.execution.reaper import Reaper
from pilotlight.execution.replica import Replica, ReplicaPorts
from pilotlight.intake.admission import Admission
from pilotlight.intake.control import Control
from pilotlight.intake.grouping import Recorder
from pilotlight.intake.inputs import Inputs
from pilotlight.intake.keys import Authenticate
from pilotlight.intake.submit import Submit
from pilotlight.intake.tokens import Tokens
from pilotlight.scaling.controller import Controller

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.catalogue import Catalogue
    from pilotlight.delivery.dispatcher import Render
    from pilotlight.ports.clock import Clock
    from pilotlight.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the ways in, upkeep and the operator's commands use."""

    settings: Settings
    clock: Clock
    catalogue: Catalogue
    database: Database
    store: SqliteStore
    queue: TableQueueSender
    blobs: FolderBlobs
    feed: SqliteFeed
    watch: WakeWatch
    announcer: WakeAnnouncer
    fleet: LocalFleet
    keys: SqliteKeys
    secrets: FileSecrets
    pepper: bytes
    submit: Submit
    control: Control
    authenticate: Authenticate
    tokens: Tokens
    signer: Signer
    controller: Controller
    reaper: Reaper
    wake: WakeSocket

    def close(self) -> None:
        """Let go of the database and the socket. Replicas are the fleet's to stop."""
        self.wake.close()
        self.database.close()


def database_path(settings: Settings) -> Path:
    return settings.data / "jobs.db"


def _secret() -> bytes:
    return chance.token_bytes(32)


def _outbound(settings: Settings) -> Outbound:
    return Outbound(
        policy=Policy(
            allow_loopback=settings.allow_loopback,
            allow_plain_http=settings.fetch.allow_plain_http,
        )
    )


def services(settings: Settings, *, clock: Clock | None = None) -> Services:
    """Open the data folder and wire everything to it. Starts nothing.

    Raises SettingsError for a folder of another release or a worker file that breaks the rules.
    """
    clock = clock or SystemClock()
    found = catalogue.discover(settings.workers)
    database, wake = Database(database_path(settings)), WakeSocket()
    secrets = FileSecrets(settings.data / "secrets")
    pepper = secrets.get_or_create("key-pepper", _secret)
    store, feed, keys = SqliteStore(database), SqliteFeed(database), SqliteKeys(database)
    queue = TableQueueSender(database, wake)
    watch, announcer = WakeWatch(database, wake), WakeAnnouncer(database, wake)
    grants = secrets.get_or_create("file-grants", _secret)
    blobs = FolderBlobs(settings.data / "files", secret=grants, clock=clock)
    specs = {name: worker.spec for name, worker in found.workers.items()}
    fleet = LocalFleet(database, settings=settings, specs=specs, clock=clock)
    controller = Controller(store, fleet, specs, clock=clock, settings=settings.scaling)
    submit = Submit(
        catalogue=found,
        inputs=Inputs(
            blobs=blobs,
            fetcher=GuardedFetcher(_outbound(settings), settings.fetch, clock),
            keep_s=settings.job.max_start_timeout_s + settings.job.retention_s,
        ),
        admission=Admission(store, clock, max_backlog=settings.job.max_backlog),
        recorder=Recorder(store, queue, controller, clock=clock, resend_s=settings.job.resend_s),
        clock=clock,
        settings=settings.job,
        rides_on_store=queue.rides_on_store,
    )
    control = Control(
        store=store,
        queue=queue,
        feed=feed,
        watch=watch,
        announcer=announcer,
        fleet=fleet,
        blobs=blobs,
        clock=clock,
    )
    return Services(
        settings=settings,
        clock=clock,
        catalogue=found,
        database=database,
        store=store,
        queue=queue,
        blobs=blobs,
        feed=feed,
        watch=watch,
        announcer=announcer,
        fleet=fleet,
        keys=keys,
        secrets=secrets,
        pepper=pepper,
        submit=submit,
        control=control,
        authenticate=Authenticate(keys, clock, pepper),
        tokens=Tokens(secrets.get_or_create("tokens", _secret), clock),
        signer=Signer(secrets),
        controller=controller,
        reaper=Reaper(store, queue, announcer, clock=clock, settings=settings),
        wake=wake,
    )


def dispatcher(services: Services, render: Render) -> Dispatcher:
    """Posts what is due; ``render`` makes a job's webhook body in its origin's words."""
    poster = GuardedPoster(_outbound(services.settings), services.settings.webhook, services.clock)
    return Dispatcher(
        services.store,
        poster,
        services.signer,
        render,
        clock=services.clock,
        settings=services.settings.webhook,
        rng=random.Random(),  # noqa: S311 - spreads load, guards nothing
    )


def replica(
    settings: Settings, worker: str, replica_id: str, *, supervisor_fd: int | None = None
) -> Replica:
    """One replica's parent, ready to run. Raises SettingsError for an unknown worker."""
    clock = SystemClock()
    spec = catalogue.find(settings.workers, worker).spec
    database, wake = Database(database_path(settings)), WakeSocket()
    grants = FileSecrets(settings.data / "secrets").get_or_create("file-grants", _secret)
    ports = ReplicaPorts(
        store=SqliteStore(database),
        queue=TableQueueReceiver(database, wake, clock, worker=worker, replica_id=replica_id),
        feed=SqliteFeed(database),
        blobs=FolderBlobs(settings.data / "files", secret=grants, clock=clock),
        roster=SqliteRoster(database),
        announcer=WakeAnnouncer(database, wake),
        clock=clock,
        settings=settings,
    )
    return Replica(
        replica_id,
        spec,
        ports=ports,
        scratch=settings.data / "scratch" / replica_id,
        child_argv=child_argv(worker, settings.workers),
        rng=random.Random(),  # noqa: S311 - spreads load, guards nothing
        supervisor_fd=supervisor_fd,
    )
