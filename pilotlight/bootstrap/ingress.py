"""The ingress, upkeep and the operator's commands over the ports of any mode."""

from __future__ import annotations

import random
import secrets as chance
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.adapters.web.fetcher import GuardedFetcher
from pilotlight.adapters.web.guard import Policy
from pilotlight.adapters.web.outbound import Outbound
from pilotlight.adapters.web.poster import GuardedPoster
from pilotlight.bootstrap import drop as dropping
from pilotlight.bootstrap import groups as grouping
from pilotlight.bootstrap.letting_go import LettingGo
from pilotlight.contracts.pools import Pools
from pilotlight.delivery.dispatcher import LOOK_S, Dispatcher
from pilotlight.delivery.signing import Signer
from pilotlight.execution.dead_letters import Undertaker
from pilotlight.execution.orphans import AGE_S, Orphans
from pilotlight.execution.reaper import Reaper
from pilotlight.intake.admission import Admission
from pilotlight.intake.control import Control
from pilotlight.intake.files import Files
from pilotlight.intake.grouping import Recorder
from pilotlight.intake.groups.agents.service import Agents
from pilotlight.intake.inputs import Inputs
from pilotlight.intake.keys import Authenticate
from pilotlight.intake.quotas import Quotas
from pilotlight.intake.submit import Submit
from pilotlight.intake.tokens import Tokens
from pilotlight.scaling.controller import Controller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pilotlight.bootstrap.parts import IngressParts
    from pilotlight.catalogue import Catalogue
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.delivery.dispatcher import Render
    from pilotlight.intake.drop.watching import Drops
    from pilotlight.intake.groups.opening import Groups
    from pilotlight.intake.groups.steward import Steward
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.ends import Ends
    from pilotlight.ports.feed import Announcer, Feed, Watch
    from pilotlight.ports.fleet import Lighter, Supervisor
    from pilotlight.ports.groups import GroupStore
    from pilotlight.ports.keys import KeyStore
    from pilotlight.ports.learned import Learned
    from pilotlight.ports.overrules import Overrules
    from pilotlight.ports.queue import QueueSender
    from pilotlight.ports.secrets import Secrets
    from pilotlight.ports.store import JobStore
    from pilotlight.ports.turn import Turn
    from pilotlight.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the ways in, upkeep and the operator's commands use."""

    settings: Settings
    clock: Clock
    catalogue: Catalogue
    store: JobStore
    members: GroupStore
    groups: Groups
    agents: Agents
    steward: Steward
    drops: Drops | None
    """None where files cannot be dropped."""
    queue: QueueSender
    blobs: Blobs
    feed: Feed
    watch: Watch
    announcer: Announcer
    fleet: Supervisor
    keys: KeyStore
    files: Files
    secrets: Secrets
    learned: Learned | None
    overrules: Overrules | None
    """None where an operator cannot pause a worker."""
    ends: Ends
    turn: Turn | None
    """Held while capacity is looked at, where others may look as well."""
    pepper: bytes
    submit: Submit
    control: Control
    authenticate: Authenticate
    quotas: Quotas
    tokens: Tokens
    signer: Signer
    controller: Controller
    reaper: Reaper
    dead_letters: Undertaker | None
    """None where the queue cannot give up on a message."""
    orphans: Orphans
    checkpoint: Callable[[], bool] | None
    disk_trouble: Callable[[], str | None] | None
    close: Callable[[], None]
    """Lets go of what is open. Replicas are the fleet's to stop."""


def _secret() -> bytes:
    return chance.token_bytes(32)


def _outbound(settings: Settings) -> Outbound:
    return Outbound(
        policy=Policy(
            allow_loopback=settings.reaches_itself,
            allow_plain_http=settings.fetch.allow_plain_http,
        )
    )


def assemble(
    settings: Settings,
    catalogue: Catalogue,
    specs: Mapping[str, WorkerSpec],
    parts: IngressParts,
    clock: Clock,
) -> Services:
    """Starts nothing."""
    secrets = parts.secrets
    quotas = Quotas(parts.store, clock, settings.quota)
    pepper = secrets.get_or_create("key-pepper", _secret)
    controller = Controller(
        parts.store,
        parts.fleet,
        specs,
        settings=settings.scaling,
        learned=parts.learned,
        overrules=parts.overrules,
    )
    lighter = parts.lighter or controller
    submit = _submit(settings, catalogue, parts, lighter, quotas)
    steward = grouping.steward(settings, parts, lighter, submit)
    groups = grouping.groups(settings, parts, steward)
    let_go = LettingGo(catalogue, parts, clock)
    steward.let_go = let_go.later
    return Services(
        settings=settings,
        clock=clock,
        catalogue=catalogue,
        store=parts.store,
        members=parts.groups,
        groups=groups,
        agents=Agents(
            catalogue=catalogue,
            store=parts.agents,
            groups=groups,
            quotas=quotas,
            admission=submit.admission,
            clock=clock,
        ),
        steward=steward,
        drops=dropping.drops(settings, catalogue, parts, submit, steward, groups),
        queue=parts.queue,
        blobs=parts.blobs,
        feed=parts.feed,
        watch=parts.watch,
        announcer=parts.announcer,
        fleet=parts.fleet,
        keys=parts.keys,
        files=Files(blobs=parts.blobs, store=parts.files, clock=clock),
        secrets=secrets,
        learned=parts.learned,
        overrules=parts.overrules,
        ends=parts.ends,
        turn=parts.turn,
        pepper=pepper,
        submit=submit,
        control=_control(parts, clock, Pools(specs).fleet_of, let_go),
        authenticate=Authenticate(parts.keys, clock, pepper),
        quotas=quotas,
        tokens=Tokens(secrets.get_or_create("tokens", _secret), clock),
        signer=Signer(secrets),
        controller=controller,
        reaper=Reaper(
            parts.store,
            parts.queue,
            parts.announcer,
            clock=clock,
            settings=settings,
            let_go=let_go.later,
        ),
        dead_letters=_undertaker(settings, parts, let_go),
        orphans=_orphans(parts, clock),
        checkpoint=parts.checkpoint,
        disk_trouble=parts.disk_trouble,
        close=parts.close,
    )


def _submit(
    settings: Settings,
    catalogue: Catalogue,
    parts: IngressParts,
    lighter: Lighter,
    quotas: Quotas,
) -> Submit:
    job, clock = settings.job, quotas.clock
    return Submit(
        catalogue=catalogue,
        inputs=Inputs(
            blobs=parts.blobs,
            fetcher=GuardedFetcher(_outbound(settings), settings.fetch, clock),
            clock=clock,
            keep_s=job.max_start_timeout_s + job.retention_s,
        ),
        quotas=quotas,
        admission=Admission(parts.store, clock, max_backlog=job.max_backlog),
        recorder=Recorder(parts.store, parts.queue, lighter, clock=clock, resend_s=job.resend_s),
        clock=clock,
        settings=job,
        rides_on_store=parts.queue.rides_on_store,
    )


def _orphans(parts: IngressParts, clock: Clock) -> Orphans:
    """Where each row that is read costs something, a new process looks back three days."""
    after = clock.now() - AGE_S - _LOOK_BACK_S if parts.store.remote else 0.0
    return Orphans(store=parts.store, blobs=parts.blobs, texts=parts.texts, after=after)


_LOOK_BACK_S = 3 * 24 * 3600.0


def _undertaker(settings: Settings, parts: IngressParts, let_go: LettingGo) -> Undertaker | None:
    if parts.dead_letters is None:
        return None
    return Undertaker(
        parts.dead_letters,
        parts.store,
        parts.announcer,
        orphan_s=settings.queue.orphan_s,
        let_go=let_go.later,
    )


def _control(
    parts: IngressParts, clock: Clock, fleet_of: Callable[[str], str], let_go: LettingGo
) -> Control:
    return Control(
        store=parts.store,
        queue=parts.queue,
        feed=parts.feed,
        watch=parts.watch,
        announcer=parts.announcer,
        fleet=parts.glance or parts.fleet,
        blobs=parts.blobs,
        clock=clock,
        let_go=let_go,
        fleet_of=fleet_of,
        # Far away it is a request, and whoever polls asks for it each time.
        overrules=None if parts.store.remote else parts.overrules,
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
        look_s=services.settings.queue.upkeep_s if services.store.remote else LOOK_S,
    )
