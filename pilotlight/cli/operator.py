"""An operator's hold on a data folder: the rows themselves, so it works while nothing runs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pilotlight import bootstrap, settings
from pilotlight.cli.schemas import see_this_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pilotlight.bootstrap.ingress import Services


def is_there(data: Path) -> bool:
    """Whether `pilotlight up` or `pilotlight keys create` ever used this folder."""
    return bootstrap.is_there(settings.load(data=data))


@contextlib.contextmanager
def opened(data: Path) -> Iterator[Services]:
    """Raises SettingsError for a folder of another release or a worker file that is wrong."""
    see_this_folder()
    services = bootstrap.services(settings.load(data=data))
    try:
        yield services
    finally:
        services.close()
