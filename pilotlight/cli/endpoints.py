"""``pilotlight endpoints``: what can be called here, and what could be."""

from __future__ import annotations

import importlib
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pilotlight.cli.options import DATA, AsJson, Data
from pilotlight.cli.routes import Routes, read_routes
from pilotlight.errors import SettingsError
from pilotlight.intake.offers import SITE, command, contract, offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.catalogue import Catalogue, Listed
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.settings import Settings

TITLES = ("ENDPOINT", "TASK", "DIALECTS", "WORKER", "ROUTE", "STATE")
SPARE = ("DIALECTS", "ROUTE", "WORKER", "TASK")
"""Columns that a narrow terminal is not shown, the first one first."""
_EXAMPLES = 12
"""More served endpoints than this get no examples on a terminal; --json has them all."""


def endpoints(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Only those whose id, task type, worker or state has every word."),
    ] = None,
    *,
    routes: Routes = None,
    as_json: AsJson = False,
    data: Data = DATA,
) -> None:
    """List the endpoints that are served here, and those that a route would serve.

    $ pilotlight endpoints
    $ pilotlight endpoints unrouted
    $ pilotlight endpoints image-edit unrouted
    $ pilotlight endpoints --routes mine.toml

    A terminal is shown those that are served, unless words ask for others;
    a pipe gets all. With --json each comes with the JSON Schema of its input and output, and with examples for
    this command line and for curl.
    """
    from pilotlight import settings as all_settings
    from pilotlight.cli import tables
    from pilotlight.cli.schemas import as_it_runs, local_catalogue

    asked = {"routes": read_routes(routes)} if routes else {}
    settings = as_it_runs(all_settings.load(data=data, **asked))
    found = local_catalogue(settings)
    if found is None:
        raise SettingsError(
            "there is no folder `workers` here; run this where your worker files are"
        )
    dialects = _dialects(settings)
    listed = [one for one in found.listed() if _has(one, words or [])]
    if as_json:
        site = _site(settings)
        tables.show_json(
            [
                {**offer(found, one, dialects(one.task), site=site), **contract(found, one)}
                for one in listed
            ]
        )
        return
    if not listed:
        tables.nothing("No endpoint has these words." if words else "No endpoint yet.")
        return
    shown = _at_first_sight(listed) if sys.stdout.isatty() and not words else listed
    rows = [_row(found, one, dialects(one.task)) for one in shown]
    tables.show(TITLES, rows, spare=SPARE)
    if len(shown) < len(listed):
        more = len(listed) - len(shown)
        tables.nothing(f"{more} more are known and want a route: pilotlight endpoints unrouted")
    _show_examples(found, [one.id for one in listed if one.worker is not None])
    if not found.endpoints:
        tables.nothing("No worker yet. Copy workers/echo.py to add a model.")


def _at_first_sight(listed: list[Listed]) -> list[Listed]:
    """What can be called, where there is any of it: the rest would push it off the screen."""
    return [one for one in listed if one.state != "unrouted"] or listed


def _site(settings: Settings) -> str:
    """Where `up` answers on this data, or where it would."""
    from pilotlight.cli import running

    found = running.read(settings.data)
    return found.url if found is not None and running.alive(found.pid) else SITE


def _has(one: Listed, words: list[str]) -> bool:
    text = " ".join((one.id, one.task, one.worker or "", one.state)).lower()
    return all(word.lower() in text for word in words)


def _dialects(settings: Settings) -> Callable[[str], list[str]]:
    """Who can call a task type. The ways in belong to the deployment: found by name, if at all."""
    try:
        dialect = importlib.import_module(f"{settings.handlers}.dialect")
    except ModuleNotFoundError:
        return lambda _task: []
    found = dialect.found(f"{settings.handlers}.dialects")

    def carrying(task: str) -> list[str]:
        names: list[str] = dialect.carrying(found, task)
        return names

    return carrying


def _row(found: Catalogue, one: Listed, dialects: list[str]) -> tuple[str, ...]:
    spec = found.workers[one.worker].spec if one.worker else None
    unserved = f"{one.state}, wants a key" if one.id in found.wanting else one.state
    state = f"{one.state}, {_where(spec)}" if spec else unserved
    route = "" if one.route == "own" else _route_in_words(found, one)
    return one.id, one.task, " ".join(dialects), one.worker or "-", route, state


def _where(spec: WorkerSpec) -> str:
    if spec.upstream:
        return f"to {spec.upstream}"
    return f"GPU with {spec.gpu_memory_gib:g} GiB" if spec.gpu_memory_gib else "processor"


def _route_in_words(found: Catalogue, one: Listed) -> str:
    if one.worker is None:
        return "none"
    _, route, by = found.routes[one.id]
    renamed = [f"{public} is {own}" for public, own in route.rename.items()]
    fixed = [f"{name} = {json.dumps(value)}" for name, value in route.fixed.items()]
    return ", ".join([f"by {by}", *renamed, *fixed])


def _show_examples(found: Catalogue, served: list[str]) -> None:
    if not 0 < len(served) <= _EXAMPLES:
        return
    typer.echo("\nExamples, while `pilotlight up` runs:")
    for endpoint_id in served:
        typer.echo("  " + command(endpoint_id, found.endpoint(endpoint_id).example()))
