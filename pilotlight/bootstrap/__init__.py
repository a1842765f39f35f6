"""The one place where classes meet their collaborators. Nothing here is a rule.

``services`` wires the ingress and everything an operator's command needs, ``dispatcher`` the
delivery of webhooks, ``replica`` one replica's parent. Each runs in its own kind of process, and
``settings.mode`` decides which adapters it gets.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from pilotlight import catalogue
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.contracts.pools import Pools
from pilotlight.errors import SettingsError
from pilotlight.settings import lacking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from pilotlight.bootstrap.ingress import Services
    from pilotlight.bootstrap.parts import IngressParts
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.delivery.dispatcher import Dispatcher, Render
    from pilotlight.execution.replica import Replica
    from pilotlight.ports.clock import Clock
    from pilotlight.settings import Settings


def _members(settings: Settings, name: str) -> tuple[WorkerSpec, ...]:
    """Of the pool of this name; empty when a worker has it, or nobody."""
    try:
        catalogue.find(settings.workers, name)
    except SettingsError:
        found = catalogue.discover(settings.workers).workers
        specs = {one: catalogue.with_routes(w.spec, settings.routes) for one, w in found.items()}
        return Pools(specs).members.get(name, ())
    return ()


class _Mode(Protocol):
    """What each of the modules beside this one offers."""

    def pointed(self, settings: Settings) -> Settings: ...

    def is_there(self, settings: Settings) -> bool: ...

    def surroundings(self, settings: Settings) -> AbstractContextManager[Settings]: ...

    def parts(
        self, settings: Settings, specs: Mapping[str, WorkerSpec], clock: Clock
    ) -> IngressParts: ...

    def pooled_replica(
        self,
        settings: Settings,
        pool: str,
        members: Sequence[WorkerSpec],
        replica_id: str | None,
        *,
        supervisor_fd: int | None,
    ) -> Replica: ...

    def replica(
        self,
        settings: Settings,
        spec: WorkerSpec,
        replica_id: str | None,
        *,
        supervisor_fd: int | None,
    ) -> Replica: ...


def _mode(settings: Settings) -> _Mode:
    """Imported here: boto3, celery and kombu would cost local mode 60 MB and half a second."""
    if settings.mode == "aws":
        try:
            from pilotlight.bootstrap import aws  # noqa: PLC0415
        except ModuleNotFoundError as missing:
            raise SettingsError(
                f"{missing.name} is not installed; pip install 'pilotlight[aws]'"
            ) from None
        return aws
    from pilotlight.bootstrap import local  # noqa: PLC0415

    return local


def pointed(settings: Settings) -> Settings:
    """The settings of the deployed stack that these name, if they name one.

    Raises SettingsError.
    """
    if settings.stack is None:
        return settings
    aws = settings.model_copy(update={"mode": "aws"})
    return _mode(aws).pointed(aws)


def is_there(settings: Settings) -> bool:
    """Whether there is a deployment that was used before."""
    return _mode(settings).is_there(settings)


def surroundings(settings: Settings) -> AbstractContextManager[Settings]:
    """What has to run beside ``services`` and replicas; the settings with which to find it.

    Raises SettingsError when it cannot be started.
    """
    return _mode(settings).surroundings(settings)


def services(settings: Settings, *, clock: Clock | None = None) -> Services:
    """Open what the settings name and wire everything to it. Starts nothing.

    Raises SettingsError for a folder of another release or a worker file that breaks the rules.
    """
    from pilotlight.bootstrap import ingress  # noqa: PLC0415 - 4 MB that no replica needs

    clock = clock or SystemClock()
    found = catalogue.discover(settings.workers, settings.routes, partial(lacking, settings))
    specs = {name: worker.spec for name, worker in found.workers.items()}
    parts = _mode(settings).parts(settings, specs, clock)
    return ingress.assemble(settings, found, specs, parts, clock)


def dispatcher(services: Services, render: Render) -> Dispatcher:
    """Posts what is due; ``render`` makes a job's webhook body in its origin's words."""
    from pilotlight.bootstrap import ingress  # noqa: PLC0415 - as above

    return ingress.dispatcher(services, render)


def replica(
    settings: Settings, worker: str, replica_id: str | None, *, supervisor_fd: int | None = None
) -> Replica:
    """One replica's parent, ready to run; without an id it enrols itself, in mode ``aws``.

    ``worker`` may be a pool. Raises SettingsError for an unknown one.
    """
    members = _members(settings, worker)
    if members:
        return _mode(settings).pooled_replica(
            settings, worker, members, replica_id, supervisor_fd=supervisor_fd
        )
    spec = catalogue.with_routes(catalogue.find(settings.workers, worker).spec, settings.routes)
    return _mode(settings).replica(settings, spec, replica_id, supervisor_fd=supervisor_fd)
