"""``pilotlight up``: everything on this machine, in one process and its replicas."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

import typer

from pilotlight.cli import running
from pilotlight.cli.routes import Routes, read_routes
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.settings import Settings


STARTERS: Final = "workers.starters"
"""Package of the small models that run on a laptop."""


class Serving(Protocol):
    """Where it answers and which key opens it."""

    @property
    def url(self) -> str: ...
    @property
    def tls_url(self) -> str | None: ...
    @property
    def authority(self) -> Path | None: ...
    @property
    def key(self) -> str: ...
    @property
    def settings(self) -> Settings: ...


def up(
    *,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="For plain HTTP; 0 takes a free one. Default 8000."),
    ] = None,
    tls_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Answer TLS there too, with an authority of its own: "
            "fal's Python client then needs nothing but its environment.",
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default 127.0.0.1.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="PILOTLIGHT_DATA",
            show_envvar=True,
            help="Everything is kept in this folder. Default .pilotlight.",
        ),
    ] = None,
    dev_key: Annotated[
        str | None,
        typer.Option(help="A key of your choice; else one is made once and kept with the data."),
    ] = None,
    workers: Annotated[
        list[str] | None,
        typer.Option(help="Package of worker files; may be given again. Default workers."),
    ] = None,
    routes: Routes = None,
    starters: Annotated[
        bool,
        typer.Option(
            "--starters", help="Serve the small real models of `make setup-starters` too."
        ),
    ] = False,
    aws_emulated: Annotated[
        bool,
        typer.Option(
            "--aws-emulated",
            help="Run AWS mode (DynamoDB, S3, SQS through Celery) on an emulator; "
            "what it holds is gone when it ends.",
        ),
    ] = False,
) -> None:
    """Start everything on this machine: the way in, upkeep, replicas on demand.

    Prints what your clients need, then one line per event. Ctrl-C lets
    running jobs finish for a while, a second one ends them at once. Queued
    jobs wait for the next start.

    $ pilotlight up
    $ pilotlight up --port 8000 --tls-port 8443 --data /var/lib/pilotlight
    $ pilotlight up --routes mine.toml
    $ pilotlight up --starters

    Ends with 0 after a signal, with 2 when it cannot start as asked.
    """
    from pilotlight.cli.schemas import see_this_folder
    from pilotlight.settings import load

    see_this_folder()
    ingress = {"host": host, "port": port, "tls_port": tls_port}
    asked: dict[str, Any] = {"data": data, "workers": tuple(workers) if workers else None}
    if aws_emulated:
        asked |= {"mode": "aws", "aws": {"emulated": True}}
    if routes is not None:
        asked["routes"] = read_routes(routes)
    settings = load(
        ingress={name: value for name, value in ingress.items() if value is not None},
        **{name: value for name, value in asked.items() if value is not None},
    )
    if starters:
        settings = settings.model_copy(update={"workers": (*settings.workers, STARTERS)})
    serve = _serve(settings)
    try:
        code = serve(settings, dev_key=dev_key, ready=lambda serving: _ready(settings, serving))
    finally:
        running.withdraw(settings.data, os.getpid())
    raise typer.Exit(code)


def _serve(settings: Settings) -> Callable[..., int]:
    """Found by name: the ways in belong to the deployment, not to this package.

    Raises SettingsError in a folder that has none.
    """
    if importlib.util.find_spec(settings.handlers) is None:
        raise SettingsError(
            f"there is no folder `{settings.handlers}` here; "
            "run this where your `handlers` and `workers` folders are"
        )
    try:
        serve: Callable[..., int] = importlib.import_module(f"{settings.handlers}.local").serve
    except ModuleNotFoundError as missing:
        raise SettingsError(
            f"{missing.name} is not installed; pip install 'pilotlight[http]'"
        ) from None
    return serve


def _ready(settings: Settings, serving: Serving) -> None:
    from pilotlight.settings import ready_upstreams

    routes = [one.model_dump() for one in settings.routes]
    running.announce(
        settings.data,
        running.Running(
            serving.url,
            serving.key,
            os.getpid(),
            list(settings.workers),
            routes,
            upstreams=ready_upstreams(settings),
            settings=_told(serving.settings),
        ),
    )
    typer.echo(_banner(settings, serving))
    sys.stdout.flush()


def _told(settings: Settings) -> dict[str, Any]:
    """How it scales, and where the rows are if not in the data folder."""
    told = {"scaling", "pools"}
    if settings.mode != "local":
        told |= {"mode", "aws", "queue", "lease"}
    return settings.model_dump(mode="json", include=told, exclude_defaults=True)


def _banner(settings: Settings, serving: Serving) -> str:
    from pilotlight import catalogue
    from pilotlight.cli.banner import Facts, Ink, banner
    from pilotlight.observability.terminal import plain
    from pilotlight.settings import lacking

    found = catalogue.discover(settings.workers, settings.routes, partial(lacking, settings))
    listed = list(found.listed())
    served = [one.id for one in listed if one.state == "local"]
    relayed = sum(one.state == "relayed" for one in listed)
    facts = Facts(
        url=serving.url,
        tls_url=serving.tls_url,
        authority=serving.authority and serving.authority.absolute(),
        key=serving.key,
        endpoints=[(name, found.contract(name).description) for name in served],
        example=json.dumps(found.endpoint(served[0]).example()) if served else "{}",
        unrouted=len(listed) - len(served) - relayed,
        relayed=relayed,
    )
    return banner(facts, Ink(on=sys.stdout.isatty() and not plain()))
