"""What an endpoint takes, from the worker files that this folder has."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pilotlight import catalogue
from pilotlight.cli.values import InputSchema
from pilotlight.errors import UnknownEndpoint

if TYPE_CHECKING:
    from pilotlight.catalogue import Catalogue
    from pilotlight.settings import Settings


def see_this_folder() -> None:
    """Let Python import from the folder the command runs in, as ``python -m`` does."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def local_catalogue(settings: Settings) -> Catalogue | None:
    """None where there are no worker files. Raises SettingsError when they break the rules."""
    see_this_folder()
    try:
        return catalogue.discover(settings.workers)
    except ModuleNotFoundError as missing:
        if missing.name in settings.workers:
            return None
        raise


def input_schema(settings: Settings, endpoint: str) -> InputSchema:
    """The endpoint's schema as its worker file says it; an open one when no file here does."""
    found = local_catalogue(settings)
    if found is None:
        return InputSchema(endpoint)
    try:
        contract, _ = found.endpoint(endpoint)
    except UnknownEndpoint:
        return InputSchema(endpoint)
    return InputSchema(endpoint, contract.input.model_json_schema())
