"""What the hosts of a pool on one machine tell each other: notes in the job table's file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pilotlight.ports.pool import Held, Neighbour

if TYPE_CHECKING:
    from pilotlight.adapters.local.database import Database

_NOTE: Final = "pool:"
_OTHERS: Final = """
SELECT replica.id, note.value FROM replica JOIN note ON note.name = :note || replica.id
WHERE replica.worker = :pool AND replica.ended_at IS NULL AND replica.stage = 'ready'
  AND replica.id != :own"""
_GONE: Final = """
DELETE FROM note WHERE name > :note AND name < :note || x'7f' AND NOT EXISTS (
  SELECT 1 FROM replica WHERE replica.id = substr(note.name, length(:note) + 1)
    AND replica.ended_at IS NULL)"""


class SqliteNeighbours:
    """Whoever comes removes the notes of those that have gone."""

    def __init__(self, database: Database, *, pool: str, replica_id: str) -> None:
        self._db, self._pool, self._id = database, pool, replica_id
        with database.write() as execute:
            execute(_GONE, {"note": _NOTE})

    def tell(self, held: Held, *, busy_until: float | None) -> None:
        value = json.dumps([held.in_place, held.in_memory, busy_until])
        with self._db.write() as execute:
            execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (_NOTE + self._id, value))

    def others(self) -> list[Neighbour]:
        rows = self._db.read(_OTHERS, {"note": _NOTE, "pool": self._pool, "own": self._id})
        return [_neighbour(name, value) for name, value in rows]


def _neighbour(name: str, value: str) -> Neighbour:
    in_place, in_memory, busy_until = json.loads(value)
    return Neighbour(name, Held(in_place, tuple(in_memory)), busy_until)
