"""A replica's own row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pilotlight.adapters.local.database import Database
    from pilotlight.ports.fleet import Stage

_REACHED: Final[dict[Stage, str]] = {
    "loading": "loading_at",
    "ready": "ready_at",
    "failed": "ended_at",
    "gone": "ended_at",
}


class SqliteRoster:
    def __init__(self, database: Database) -> None:
        self._db = database

    def report(self, replica_id: str, stage: Stage, *, now: float, error: str = "") -> None:
        reached = _REACHED.get(stage)
        at = f", {reached} = :now" if reached else ""
        active = ", active_at = :now" if stage == "ready" else ""
        with self._db.write() as execute:
            execute(
                f"UPDATE replica SET stage = :stage, error = :error{at}{active} "
                "WHERE id = :id AND ended_at IS NULL",
                {"stage": stage, "error": error or None, "now": now, "id": replica_id},
            )

    def may_lease(self, replica_id: str, *, now: float) -> bool:
        with self._db.write() as execute:
            cursor = execute(
                "UPDATE replica SET active_at = ? WHERE id = ? AND stage = 'ready'",
                (now, replica_id),
            )
            return cursor.rowcount == 1
