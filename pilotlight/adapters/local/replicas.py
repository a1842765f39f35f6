"""The supervisor's side of the ``replica`` table; the replica's own side is in ``roster``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.local.schema import HELD_SQL
from pilotlight.ports.fleet import ColdStart, Replica
from pilotlight.ports.register import FAILURES_S, KEPT_COLD_STARTS, RECENT_S, Fate, Open, fate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.adapters.local.database import Database

_COLUMNS: Final = (
    "id, worker, stage, slots, pid, asked_at, loading_at, ready_at, active_at, seen_at, "
    "ended_at, error, step, step_at, fraction, took"
)
_FIELDS: Final = tuple(_COLUMNS.split(", "))
_RECENT: Final = f"""
SELECT {_COLUMNS} FROM replica WHERE ended_at IS NULL OR ended_at > :recent
  OR (stage = 'failed' AND ended_at > :failures AND asked_at > coalesce(
      (SELECT max(asked_at) FROM replica AS served WHERE served.worker = replica.worker
       AND served.ready_at IS NOT NULL AND served.stage != 'failed'), 0))
ORDER BY asked_at, rowid"""
_DRAIN: Final = """
UPDATE replica SET stage = 'draining'
WHERE id = ? AND stage IN ('starting', 'loading', 'ready')"""
_RETIRE: Final = f"""{_DRAIN}
  AND NOT EXISTS (SELECT 1 FROM job WHERE owner = replica.id AND {HELD_SQL})"""
_SILENT: Final = "SELECT id FROM replica WHERE ended_at IS NULL AND seen_at < ?"
_FORGET: Final = f"""
DELETE FROM replica WHERE ended_at < ? AND id NOT IN (
  SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY worker ORDER BY ready_at DESC) AS age
                  FROM replica WHERE ready_at IS NOT NULL) WHERE age <= {KEPT_COLD_STARTS})"""


class ReplicaRows:
    def __init__(self, database: Database) -> None:
        self._db = database

    def recent(self, *, now: float) -> list[Replica]:
        """Live ones, those that ended in the last minutes, and failures since the last success."""
        rows = self._db.read(_RECENT, {"recent": now - RECENT_S, "failures": now - FAILURES_S})
        return [_replica(row) for row in rows]

    def cold_starts(self, worker: str, *, limit: int) -> list[ColdStart]:
        rows = self._db.read(
            "SELECT loading_at - asked_at, ready_at - loading_at, took FROM replica "
            "WHERE worker = ? "
            "AND ready_at >= loading_at AND loading_at >= asked_at ORDER BY ready_at DESC LIMIT ?",
            (worker, limit),
        )
        return [ColdStart(start_s, load_s, _took(text)) for start_s, load_s, text in rows]

    def add(self, replica_id: str, worker: str, *, slots: int, now: float) -> None:
        with self._db.write() as execute:
            execute(
                "INSERT INTO replica (id, worker, stage, slots, asked_at) "
                "VALUES (?, ?, 'starting', ?, ?)",
                (replica_id, worker, slots, now),
            )

    def runs_as(self, replica_id: str, pid: int, started: float | None) -> None:
        with self._db.write() as execute:
            execute(
                "UPDATE replica SET pid = ?, pid_started = ? WHERE id = ?",
                (pid, started, replica_id),
            )

    def retire(self, replica_id: str) -> bool:
        """One conditional write: a job leased a moment before refuses it, one after is refused."""
        with self._db.write() as execute:
            return execute(_RETIRE, (replica_id,)).rowcount == 1

    def drains(self, replica_id: str) -> bool:
        with self._db.write() as execute:
            return execute(_DRAIN, (replica_id,)).rowcount == 1

    def end(self, replica_id: str, words: str, *, clean: bool, now: float) -> Fate:
        """Close the row. ``clean``: the process ended without an error."""
        with self._db.write() as execute:
            worker, stage, was_used, said = execute(
                "SELECT worker, stage, ready_at IS NOT NULL AND active_at > ready_at, error "
                "FROM replica WHERE id = ?",
                (replica_id,),
            ).fetchone()
            decided = fate(worker, stage, words, said, clean=clean, was_used=bool(was_used))
            execute(
                "UPDATE replica SET stage = ?, error = ?, ended_at = coalesce(ended_at, ?) "
                "WHERE id = ?",
                (decided.stage, decided.error, now, replica_id),
            )
        return decided

    def open_rows(self) -> list[Open]:
        rows = self._db.read("SELECT id, pid, pid_started FROM replica WHERE ended_at IS NULL")
        return [Open(*row) for row in rows]

    def silent(self, *, since: float) -> list[str]:
        """Those that spoke once, are not over, and were not heard of since.

        To say so is a write: where a full disk lets none through, nobody else got a word in either.
        """
        found = self._db.read(_SILENT, (since,)).fetchall()
        if found:
            with self._db.write() as execute:
                execute("INSERT OR REPLACE INTO note VALUES ('silent since', ?)", (since,))
        return [replica_id for (replica_id,) in found]

    def forget(self, *, ended_before: float) -> int:
        """Delete old rows but the newest cold starts of each worker; how many."""
        with self._db.write() as execute:
            return execute(_FORGET, (ended_before,)).rowcount


def _took(text: str | None) -> dict[str, float]:
    return json.loads(text) if text else {}


def _replica(row: Sequence[Any]) -> Replica:
    values = dict(zip(_FIELDS, row, strict=True))
    return Replica(**values | {"took": _took(values["took"])})
