"""``celery worker``: the same options and signals, and a replica behind them.

::

    celery -A pilotlight.adapters.celery.app worker -Q echo

What a replica does by itself is refused in one sentence, so that nobody believes in an option
that does nothing.
"""

from __future__ import annotations

import importlib
import secrets
import signal
from typing import TYPE_CHECKING, Any, Final

import click
from billiard.common import REMAP_SIGTERM
from celery.concurrency.thread import TaskPool
from celery.platforms import create_pidlock

from pilotlight import catalogue
from pilotlight import settings as settings_module
from pilotlight.adapters.aws.queues import queue_name
from pilotlight.adapters.celery.app import create_app
from pilotlight.errors import SettingsError
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from celery import Celery

    from pilotlight.settings import Settings

_LEVELS: Final = {"CRITICAL": "error", "FATAL": "error"}
_REFUSED: Final[Mapping[str, str]] = {
    "autoscale": "a replica has the slots of its worker; more capacity is more replicas",
    "beat": "upkeep does what is timed; start it with the ingress",
    "exclude_queues": "a replica serves one worker: name its queue with -Q",
    "heartbeat_interval": "a replica says in its own row that it is alive",
    "include": "there is one task, and it is known",
    "logfile": "logs go to standard error: redirect it",
    "max_memory_per_child": "set memory_limit_gib in the worker file",
    "max_tasks_per_child": "a replica's child is replaced when it is spoilt, not by count",
    "purge": "nothing is thrown away: cancel the jobs instead",
    "scheduler": "upkeep does what is timed; start it with the ingress",
    "soft_time_limit": "set timeout_s in the worker file",
    "statedb": "revoking does not work on SQS: cancel the job instead",
    "task_events": "SQS has no fan-out, so nobody would hear them",
    "time_limit": "set timeout_s in the worker file",
}


class ReplicaWorker:
    """What ``celery worker`` makes and starts in place of Celery's own worker."""

    exitcode = 0

    def __init__(
        self,
        *,
        settings: Settings,
        queues: Iterable[str] | str | None = None,
        concurrency: int | str | None = None,
        pool_cls: Any = None,
        pidfile: str | None = None,
        loglevel: str | int | None = None,
        prefetch_multiplier: int | None = None,
        **options: Any,
    ) -> None:
        """Raises click's UsageError for what a replica cannot do."""
        self._settings, self._pidfile, self._loglevel = settings, pidfile, loglevel
        for name, why in _REFUSED.items():
            if options.get(name):
                raise click.UsageError(f"--{name.replace('_', '-')}: {why}")
        if prefetch_multiplier not in (None, 1):
            raise click.UsageError("--prefetch-multiplier: a replica takes what it can run")
        if {pool_cls, options.get("pool")} - {None, "threads", TaskPool}:
            raise click.UsageError("--pool: only threads; the model runs in a process of its own")
        self.worker = self._worker_of(queues)
        slots = catalogue.find(settings.workers, self.worker).spec.jobs_per_replica
        if concurrency not in (None, slots, str(slots)):
            raise click.UsageError(
                f"--concurrency: {self.worker} runs {slots} at a time; "
                "set jobs_per_replica in the worker file"
            )

    def _worker_of(self, queues: Iterable[str] | str | None) -> str:
        asked = queues.split(",") if isinstance(queues, str) else list(queues or ())
        known = catalogue.discover(self._settings.workers).workers
        names = {queue_name(self._settings, worker): worker for worker in known}
        names |= {worker: worker for worker in known}
        if len(asked) != 1 or asked[0] not in names:
            raise click.UsageError(
                f"--queues: one of {', '.join(sorted(known)) or 'none'}, as a replica is of one worker"
            )
        worker = names[asked[0]]
        pool = known[worker].spec.pool
        if pool:
            raise click.UsageError(
                f"--queues: {worker} is in the pool {pool}, whose hosts take from several queues and "
                f"not through Celery: python -m workers {pool}"
            )
        return worker

    def start(self) -> None:
        """Run the replica to its end. SIGTERM and SIGINT drain it, a second one or SIGQUIT hands
        everything back at once.
        """
        level = _LEVELS.get(str(self._loglevel).upper(), str(self._loglevel).lower())
        logs.configure(level if level in ("debug", "info", "warning", "error") else "info")
        lock = create_pidlock(self._pidfile) if self._pidfile else None
        try:
            # Found by name: what wires a replica lies above the adapters.
            bootstrap = importlib.import_module("pilotlight.bootstrap")
            replica_id = f"{self.worker}-{secrets.token_hex(4)}"
            replica = bootstrap.replica(self._settings, self.worker, replica_id)

            def hand_back(*_: object) -> None:
                replica.stop()
                replica.stop()

            signal.signal(signal.SIGQUIT, hand_back)
            if REMAP_SIGTERM == "SIGQUIT":
                logs.event("worker.remap_sigterm_ignored", why="SIGTERM drains within the grace")
            self.exitcode = replica.run()
        finally:
            if lock is not None:
                lock.release()


def app_of(settings: Settings) -> Celery:
    """The app whose ``worker`` command runs replicas. Raises SettingsError."""
    if settings.mode != "aws":
        raise SettingsError("celery worker runs replicas in mode aws: set PILOTLIGHT_MODE=aws")
    app = create_app(settings, catalogue.discover(settings.workers).workers)

    def worker(**options: Any) -> ReplicaWorker:
        return ReplicaWorker(settings=settings, **options)

    app.Worker = worker
    return app


def command_line_app() -> Celery:
    """The app behind ``celery -A``, with the settings of the environment."""
    try:
        return app_of(settings_module.load())
    except (SettingsError, settings_module.BadSettings) as error:
        raise click.ClickException(str(error)) from None
