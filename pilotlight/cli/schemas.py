"""What an endpoint takes, from the worker files that this folder has."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pilotlight import catalogue
from pilotlight.cli import running
from pilotlight.cli.values import InputSchema
from pilotlight.errors import NoWorkerFiles, UnknownEndpoint
from pilotlight.settings import RouteSettings, lacking

if TYPE_CHECKING:
    from pilotlight.catalogue import Catalogue
    from pilotlight.settings import Settings


def see_this_folder() -> None:
    """Let Python import from the folder the command runs in, as ``python -m`` does."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def as_it_runs(settings: Settings) -> Settings:
    """The settings with the workers and routes that `up` runs with, where it runs on this data.

    Routes that these settings name themselves stay.
    """
    found = running.read(settings.data)
    if found is None or not running.alive(found.pid):
        return settings
    routes = settings.routes or tuple(RouteSettings(**one) for one in found.routes)
    workers = tuple(found.workers) or settings.workers
    return settings.model_copy(update={"routes": routes, "workers": workers})


def local_catalogue(settings: Settings) -> Catalogue | None:
    """None where there are no worker files. Raises SettingsError when they break the rules."""
    see_this_folder()
    try:
        return catalogue.discover(settings.workers, settings.routes, partial(_lacking, settings))
    except NoWorkerFiles:
        return None


def _lacking(settings: Settings, upstream: str) -> str | None:
    """What an upstream wants; nothing where `up`, which has the key, runs on this data."""
    found = running.read(settings.data)
    if found is not None and running.alive(found.pid):
        return None if upstream in found.upstreams else lacking(settings, upstream)
    return lacking(settings, upstream)


def input_schema(settings: Settings, endpoint: str) -> InputSchema:
    """The endpoint's schema as its worker file says it; an open one when no file here does."""
    found = local_catalogue(as_it_runs(settings))
    if found is None:
        return InputSchema(endpoint)
    try:
        served = found.endpoint(endpoint)
    except UnknownEndpoint:
        return InputSchema(endpoint)
    return InputSchema(endpoint, served.input_schema())
