"""An operator's hold on a data folder: the rows themselves, so it works while nothing runs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pilotlight import bootstrap, settings
from pilotlight.cli import running
from pilotlight.cli.schemas import as_it_runs, see_this_folder
from pilotlight.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pilotlight.bootstrap.ingress import Services
    from pilotlight.settings import Settings


def is_there(data: Path) -> bool:
    """Whether `pilotlight up` or `pilotlight keys create` ever used this folder."""
    return bootstrap.is_there(_settings(data))


def _settings(data: Path) -> Settings:
    """Those of the `up` that runs there, with its workers and routes, or of the stack that the
    environment names, else the environment's own."""
    found = running.read(data)
    told = found.settings if found is not None and running.alive(found.pid) else {}
    return as_it_runs(bootstrap.pointed(settings.load(data=data, **told)))


def checked(data: Path) -> Settings:
    """What a check-up is of: the environment's settings, unless what is there is on AWS. Raises
    SettingsError.
    """
    there = _settings(data)
    return there if there.mode == "aws" else settings.load(data=data)


@contextlib.contextmanager
def found(data: Path) -> Iterator[Services]:
    """As :func:`opened`, but makes no folder: what is said there nobody would hear. Raises NotFound."""
    if not is_there(data):
        raise NotFound(f"nothing has run on {data} yet: say --data, or start with `pilotlight up`")
    with opened(data) as services:
        yield services


@contextlib.contextmanager
def opened(data: Path) -> Iterator[Services]:
    """Raises SettingsError for a folder of another release or a worker file that is wrong."""
    see_this_folder()
    services = bootstrap.services(_settings(data))
    try:
        yield services
    finally:
        services.close()
