"""What ran on a data folder, for the commands that replay it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.cli import operator
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.ports.learned import Finished

_PAGE: Final = 10_000


def runs(data: Path, *, days: float | None = None) -> list[Finished]:
    """Every job that succeeded and is remembered, of the last ``days``. Raises SettingsError."""
    if not operator.is_there(data):
        raise SettingsError(f"nothing has run on {data} yet")
    found: list[Finished] = []
    with operator.opened(data) as services:
        if services.learned is None:
            raise SettingsError("this deployment keeps no history that could be replayed")
        since = services.clock.now() - days * 86400 if days is not None else 0.0
        after = 0
        while page := services.learned.finished(after=after, limit=_PAGE):
            after = page[-1].seq
            found += (run for run in page if run.created_at >= since)
    return found
