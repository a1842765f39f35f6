"""What an invocation finds wired: made once per process, used by every invocation after it."""

from __future__ import annotations

from functools import cache

from pilotlight import bootstrap, settings
from pilotlight.bootstrap.ingress import Services
from pilotlight.observability import logs


@cache
def services() -> Services:
    """With the settings of the environment. Raises SettingsError, BadSettings."""
    loaded = settings.load()
    logs.configure(loaded.log_level)
    return bootstrap.services(loaded)
