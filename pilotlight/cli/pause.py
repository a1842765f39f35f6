"""``pilotlight pause`` and ``pilotlight resume``: a worker that begins no job for a while."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from pilotlight.cli.options import DATA, Data
from pilotlight.errors import NotFound, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pilotlight.bootstrap.ingress import Services
    from pilotlight.ports.overrules import Overrules

Name = Annotated[
    str, typer.Argument(metavar="WORKER", help="As `pilotlight fleet` and the worker file say.")
]


def pause(worker: Name, *, data: Data = DATA) -> None:
    """Begin no job of a worker until `resume`: what runs is finished, what comes waits.

    $ pilotlight pause shapes

    Its replicas leave once they are idle. It stays paused whoever starts and stops `up`.
    """
    with _overrules(data) as (services, overrules):
        name = _fleet(services, worker)
        overrules.pause(name, now=services.clock.now())
        load = services.store.load(now=services.clock.now())
        own = [one for of, one in load.items() if services.control.fleet_of(of) == name]
    running, waiting = sum(one.running for one in own), sum(one.queued for one in own)
    typer.echo(f"{name} is paused: {running} run and are finished, {waiting} wait.")


def resume(worker: Name, *, data: Data = DATA) -> None:
    """Let a paused worker go on.

    $ pilotlight resume shapes
    """
    with _overrules(data) as (services, overrules):
        said = overrules.read()
        name = worker if worker in said else _fleet(services, worker)
        if name not in said or not said[name].paused:
            typer.echo(f"{name} is not paused.")
            return
        overrules.resume(name)
    typer.echo(f"{name} goes on.")


@contextlib.contextmanager
def _overrules(data: Path) -> Iterator[tuple[Services, Overrules]]:
    from pilotlight.cli import operator

    with operator.found(data) as services:
        if services.overrules is None:
            raise SettingsError("this stack has no parameters: set PILOTLIGHT_AWS__PARAMETERS")
        yield services, services.overrules


def _fleet(services: Services, worker: str) -> str:
    """Its own name, or that of its pool: those who share hosts are paused together."""
    specs = [spec for _, spec in services.catalogue.endpoints.values()]
    names = sorted({spec.name for spec in specs})
    if worker not in names and not any(worker == spec.pool for spec in specs):
        raise NotFound(f"there is no worker {worker!r} here; there are {', '.join(names)}")
    return services.control.fleet_of(worker)
