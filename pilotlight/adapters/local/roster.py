"""A replica's own row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pilotlight.adapters.local.processes import started_at

if TYPE_CHECKING:
    from pilotlight.adapters.local.database import Database
    from pilotlight.ports.fleet import LoadStep, Stage

_REACHED: Final[dict[Stage, str]] = {
    "loading": "loading_at",
    "ready": "ready_at",
    "failed": "ended_at",
    "gone": "ended_at",
}

_LAST: Final = {"draining", "failed", "gone"}
"""What may follow ``draining``."""


class SqliteRoster:
    """``pid`` is the replica's own process: its supervisor may have died before it could note it."""

    def __init__(self, database: Database, *, pid: int | None = None) -> None:
        self._db = database
        self._process = (pid, started_at(pid)) if pid is not None else (None, None)

    def report(self, replica_id: str, stage: Stage, *, now: float, error: str = "") -> None:
        reached = _REACHED.get(stage)
        at = f", {reached} = coalesce({reached}, :now)" if reached else ""
        active = ", active_at = max(active_at, :now)" if stage == "ready" else ""
        stays = "" if stage in _LAST else " AND stage != 'draining'"
        values = {"stage": stage, "error": error or None, "now": now, "id": replica_id}
        with self._db.write() as execute:
            if self._process[0] is not None:
                execute(
                    "UPDATE replica SET pid = ?, pid_started = ? WHERE id = ? AND pid IS NULL",
                    (*self._process, replica_id),
                )
            execute(
                f"UPDATE replica SET stage = :stage, error = :error, seen_at = :now{at}{active} "
                f"WHERE id = :id AND ended_at IS NULL{stays}",
                values,
            )

    def stepped(self, replica_id: str, step: LoadStep, *, now: float) -> None:
        took = json.dumps(dict(step.took)) if step.took else None
        with self._db.write() as execute:
            execute(
                "UPDATE replica SET step_at = CASE WHEN step IS :step THEN step_at ELSE :now END, "
                "step = :step, fraction = :fraction, took = coalesce(took, :took) WHERE id = :id",
                {
                    "step": step.name,
                    "fraction": step.fraction,
                    "took": took,
                    "now": now,
                    "id": replica_id,
                },
            )

    def seen(self, replica_id: str, *, now: float) -> bool:
        with self._db.write() as execute:
            row = execute(
                "UPDATE replica SET seen_at = ? WHERE id = ? RETURNING stage != 'draining'",
                (now, replica_id),
            ).fetchone()
        return row is None or bool(row[0])

    def may_lease(self, replica_id: str, *, now: float, leases: int = 1) -> bool:  # noqa: ARG002
        """One and the same: there is a transaction to take part in."""
        with self._db.write() as execute:
            cursor = execute(
                "UPDATE replica SET active_at = ? WHERE id = ? AND stage = 'ready'",
                (now, replica_id),
            )
            return cursor.rowcount == 1
