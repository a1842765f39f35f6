"""What an operator says over a worker's declaration, as notes in the job table's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.errors import Unavailable
from pilotlight.ports.overrules import Overrule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.adapters.local.database import Database

_PAUSED: Final = "scaling:paused:"
READ: Final = (
    f"SELECT substr(name, {len(_PAUSED) + 1}), value FROM note "
    f"WHERE name > '{_PAUSED}' AND name < '{_PAUSED[:-1]};'"
)
"""Paused workers, and since when."""


class SqliteOverrules:
    def __init__(self, database: Database) -> None:
        self._db = database
        self._known: Mapping[str, Overrule] = {}

    def read(self) -> Mapping[str, Overrule]:
        try:
            rows = self._db.read(READ).fetchall()
        except Unavailable:
            return self._known
        self._known = {worker: Overrule(paused=True, since=since) for worker, since in rows}
        return self._known

    def pause(self, worker: str, *, now: float) -> None:
        with self._db.write() as execute:
            execute("INSERT OR IGNORE INTO note VALUES (?, ?)", (_PAUSED + worker, now))

    def resume(self, worker: str) -> None:
        with self._db.write() as execute:
            execute("DELETE FROM note WHERE name = ?", (_PAUSED + worker,))
