"""Groups in SQLite: the tally is a row beside the jobs, in the same transactions."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.local import statements
from pilotlight.adapters.local.schema import listed
from pilotlight.adapters.local.statements import SELECT_JOB
from pilotlight.adapters.local.store import SqliteStore, job_of
from pilotlight.contracts import moves
from pilotlight.contracts.group import Tally, counted, portion
from pilotlight.contracts.job import TERMINAL, JobStatus
from pilotlight.contracts.lifecycle import T21

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.adapters.local.database import Database
    from pilotlight.adapters.local.transaction import Execute
    from pilotlight.contracts.job import Job
    from pilotlight.ports.store import Created

_COLUMNS: Final = "group_id, total, succeeded, failed, cancelled, expired, cursor, sealed"


def _tally_of(row: tuple[Any, ...]) -> Tally:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Tally(**{**values, "sealed": bool(row[-1])})


class SqliteGroups:
    chunk = 200

    def __init__(self, database: Database) -> None:
        self._db, self._store = database, SqliteStore(database)

    def open(self, head: Job) -> Created:
        with self._db.write() as execute:
            (created,) = self._store.create([head])
            if not created.existed:
                execute("INSERT INTO tally VALUES (?, 0, 0, 0, 0, 0, '', 0)", (head.id,))
        return created

    def add(
        self, tally: Tally, jobs: Sequence[Job], *, cursor: str, sealed: bool = False
    ) -> Tally | None:
        with self._db.write() as execute:
            after = _changed(
                execute,
                "total = total + ?2, cursor = ?3, sealed = ?4 "
                "WHERE group_id = ?1 AND cursor = ?5 AND sealed = 0",
                (tally.group_id, len(jobs), cursor, sealed, tally.cursor),
            )
            if after is not None:
                self._store.create(jobs)
        return after

    def seal(self, group_id: str) -> Tally | None:
        with self._db.write() as execute:
            return _changed(execute, "sealed = 1 WHERE group_id = ?", (group_id,))

    def tally(self, group_id: str) -> Tally | None:
        sql = f"SELECT {_COLUMNS} FROM tally WHERE group_id = ?"
        row = self._db.read(sql, (group_id,)).fetchone()
        return _tally_of(row) if row else None

    def marks(self, *, now: float, limit: int = 500) -> list[Job]:
        return self._jobs("group_due <= ? ORDER BY group_due LIMIT ?", now, limit=limit)

    def next_mark(self) -> float | None:
        sql = "SELECT min(group_due) FROM job WHERE group_due IS NOT NULL"
        found: float | None = self._db.read(sql).fetchone()[0]
        return found

    def settle(self, group_id: str, ended: Sequence[Job]) -> Tally | None:
        with self._db.write() as execute:
            heard = [job for job in ended if _heard(execute, job)]
            counts = counted(heard)
            changes = ", ".join(f"{name} = {name} + {count}" for name, count in counts.items())
            return _changed(execute, f"{changes} WHERE group_id = ?", (group_id,))

    def members(
        self, group_id: str, *, after: str = "", limit: int = 100, live: bool = False
    ) -> list[Job]:
        living = f" AND status NOT IN ({listed(TERMINAL)})" if live else ""
        where = f"group_id = ? AND member > ?{living} ORDER BY member LIMIT ?"
        return self._jobs(where, group_id, after, limit=limit)

    def statuses(self, group_id: str) -> list[tuple[str, JobStatus]]:
        sql = "SELECT member, status FROM job WHERE group_id = ? AND member > '' ORDER BY member"
        return [(member, JobStatus(status)) for member, status in self._db.read(sql, (group_id,))]

    def _jobs(self, where: str, *args: object, limit: int) -> list[Job]:
        rows = self._db.read(f"SELECT {SELECT_JOB} FROM job WHERE {where}", (*args, limit))
        with contextlib.closing(rows):
            return portion(map(job_of, rows), limit)


def _heard(execute: Execute, job: Job) -> bool:
    args = {"job_id": job.id, **moves.heard(job).args}
    return execute(statements.update(T21), args).fetchone() is not None


def _changed(execute: Execute, change: str, args: tuple[Any, ...]) -> Tally | None:
    row = execute(f"UPDATE tally SET {change} RETURNING {_COLUMNS}", args).fetchone()
    return _tally_of(row) if row else None
