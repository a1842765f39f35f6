"""``pilotlight up``: the ingress, upkeep, the dispatcher and the fleet of one machine.

The first SIGTERM or SIGINT asks everybody to finish, the second ends everything at once; both
leave nothing behind, and the exit code is 0. A terminal that is closed only asks, however often: the
shell and the kernel both say so.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from handlers import source
from handlers.announcements import Announcer, Renderer
from handlers.app import create_app
from handlers.dialect import found
from handlers.dropping import Dropping
from handlers.edited import edits
from handlers.failing import Failing
from handlers.listening import Server, Sockets, listening, url_of
from handlers.posting import Posting
from handlers.stewarding import Stewarding
from handlers.upkeep import Chore, Upkeep, local_chores
from handlers.upkeep_remote import remote_chores
from pilotlight import bootstrap
from pilotlight.adapters.local.certificates import certificates
from pilotlight.adapters.local.ownership import owned
from pilotlight.bootstrap.ingress import Services
from pilotlight.intake import keys
from pilotlight.observability.logs import configure, event
from pilotlight.settings import Settings

DEVELOPER: Final = "dev"
"""The caller that the development key stands for."""
_LATE_S: Final = 5.0
"""A replica that is still there this long after its own grace is killed."""
_REMOTE_LOOK_S: Final = 1.0
"""Between two looks at groups that are open: members end in other processes."""
_LAST_WORDS_S: Final = 1.0
"""For answers and webhooks under way once the last replica has gone."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Where it answers and which key opens it: what ``up`` prints."""

    url: str
    tls_url: str | None
    authority: Path | None
    """Certificate that clients of ``tls_url`` have to trust."""
    key: str
    settings: Settings
    """Those in force: an emulator that was started is in them."""


def serve(
    settings: Settings,
    *,
    dev_key: str | None = None,
    ready: Callable[[Serving], None] | None = None,
) -> int:
    """Serve until a signal; the exit code. ``ready`` is called once requests are answered.

    ``dev_key`` is a key somebody chose; without it one is made and kept in the data folder.
    Raises SettingsError when the folder or a port is taken, or a worker or dialect breaks rules.
    """
    configure(settings.log_level)
    with (
        owned(settings.data),
        listening(settings.ingress) as sockets,
        bootstrap.surroundings(settings) as found_settings,
    ):
        services = bootstrap.services(found_settings)
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(
                    _House(services, sockets, development_key(services, dev_key)).live(ready)
                )
        finally:
            services.close()
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415 - not made for every platform
    except ImportError:
        return asyncio.new_event_loop
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made


def development_key(services: Services, chosen: str | None) -> str:
    """A key that works: the chosen one, or one that stays the same on this data folder."""
    now = services.clock.now()

    def mint() -> bytes:
        return keys.mint(pepper=services.pepper, caller=DEVELOPER, name="up", now=now)[0].encode()

    text = chosen or services.secrets.get_or_create("development-key", mint).decode()
    name = "development key of `pilotlight up`"
    record = keys.record_of(text, pepper=services.pepper, caller=DEVELOPER, name=name, now=now)
    if services.keys.find(record.id) is None:
        services.keys.add(record)
    return text


class _House:
    """Everything that lives between ``up`` and its end."""

    def __init__(self, services: Services, sockets: Sockets, key: str) -> None:
        self._services = services
        self._serving, certificate = _serving(services, sockets, key)
        dialects = found()
        app = create_app(services, dialects)
        self._servers = [(Server(app, lifespan=True), sockets.plain)]
        if sockets.tls is not None:
            server = Server(app, lifespan=False, certificate=certificate)
            self._servers.append((server, sockets.tls))
        public_url = services.settings.ingress.public_url or self._serving.url
        announcers: dict[str, Announcer] = {**dialects, **source.found()}
        renderer = Renderer(services.control, announcers, base_url=public_url.rstrip("/"))
        self._posting = Posting(bootstrap.dispatcher(services, renderer), services.store)
        services.watch.on_change(self._posting.kick_soon)
        self._stewarding = _stewarding(services)
        services.watch.on_change(self._stewarding.kick_soon)
        self._dropping = Dropping(services.drops)
        services.watch.on_change(self._dropping.changed)
        told = _told(services)
        chores = (*_chores(services, self._posting), *self._dropping.chores, *told)
        self._upkeep = Upkeep(chores, clock=services.clock, wake=services.controller.lit)
        self._asked = asyncio.Event()

    async def live(self, ready: Callable[[Serving], None] | None) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: let it run on
            loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        self._services.fleet.on_end = self._services.controller.lit.set
        for replica_id in self._services.fleet.recover():
            self._services.reaper.reap_owner(replica_id)
        async with asyncio.TaskGroup() as group:
            for server, bound in self._servers:
                group.create_task(server.serve([bound]))
            group.create_task(self._conduct(ready))

    def _on_signal(self) -> None:
        if self._asked.is_set():
            self._services.fleet.hurry.set()
            self._leave(now=True)
        self._asked.set()

    def _leave(self, *, now: bool = False) -> None:
        for server, _ in self._servers:
            server.leave(now=now)

    async def _conduct(self, ready: Callable[[Serving], None] | None) -> None:
        for server, _ in self._servers:
            await server.up.wait()
        self._upkeep.start()
        self._posting.start()
        self._stewarding.start()
        event("up.ready", url=self._serving.url, tls_url=self._serving.tls_url)
        try:
            if ready is not None:
                ready(self._serving)
            await self._asked.wait()
        finally:
            grace_s = self._services.settings.replica.grace_s
            event("up.leaving", running_jobs_may_take_s=grace_s, advice="Ctrl-C again ends them")
            self._leave()
            await asyncio.to_thread(self._end)
            asyncio.get_running_loop().call_later(_LAST_WORDS_S, partial(self._leave, now=True))

    def _end(self) -> None:
        """Nothing starts any more; replicas finish or hand back; what they held is freed."""
        services = self._services
        self._upkeep.stop()
        self._dropping.stop(_LATE_S)
        self._stewarding.stop(_LATE_S)
        for ended in services.fleet.stop_all(services.settings.replica.grace_s + _LATE_S):
            services.reaper.reap_owner(ended.replica_id)
        self._posting.stop(0 if services.fleet.hurry.is_set() else _LATE_S)
        if not services.store.remote:
            event("up.left", jobs_for_the_next_start=sum(services.store.waiting().values()))


def _chores(services: Services, posting: Posting) -> tuple[Chore, ...]:
    if services.checkpoint is None:
        return remote_chores(services, kick=posting.kick)
    return local_chores(
        store=services.store,
        blobs=services.blobs,
        fleet=services.fleet,
        reaper=services.reaper,
        controller=services.controller,
        checkpoint=services.checkpoint,
        settings=services.settings.scaling,
        orphans=services.orphans,
    )


def _told(services: Services) -> tuple[Chore, ...]:
    """What somebody who writes a model wants to see in this terminal."""
    edited = edits(services.settings.workers)
    if services.store.remote:
        return (edited,)
    failing = Failing(services.ends)
    services.watch.on_change(failing.changed)
    return edited, failing.chore


def _stewarding(services: Services) -> Stewarding:
    """On this machine every end is told of, and every group begins here."""
    remote, steward = services.store.remote, services.steward
    look_s, idle_s = (_REMOTE_LOOK_S, services.settings.queue.upkeep_s) if remote else (0.5, None)
    return Stewarding(steward, services.clock, look_s=look_s, idle_s=idle_s)


def _serving(services: Services, sockets: Sockets, key: str) -> tuple[Serving, Path | None]:
    """What to tell the owner, and the file with the server's own certificate."""
    url = url_of("http", sockets.plain)
    if sockets.tls is None:
        return Serving(url, None, None, key, services.settings), None
    made = certificates(services.settings.data / "tls", now=services.clock.now())
    tls_url = url_of("https", sockets.tls)
    return Serving(url, tls_url, made.authority, key, services.settings), made.server
