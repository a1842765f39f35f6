"""The job records in SQLite."""

from __future__ import annotations

import contextlib
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.local import listing, statements, turns
from pilotlight.adapters.local.schema import COLUMNS, HELD_SQL, READY_SQL
from pilotlight.adapters.local.statements import SELECT_JOB
from pilotlight.contracts.group import portion
from pilotlight.contracts.job import AttemptRecord, Job, JobStatus
from pilotlight.contracts.lifecycle import TABLE
from pilotlight.ports.store import MOST_AHEAD, Created, Load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pilotlight.adapters.local.database import Database
    from pilotlight.adapters.local.transaction import Execute
    from pilotlight.contracts.lifecycle import Move
    from pilotlight.contracts.pages import Page, Place, Wanted

_STATUS_AT: Final = COLUMNS.index("status")
_STREAMING_AT: Final = COLUMNS.index("streaming")
_STATUSES: Final = {str(status): status for status in JobStatus}
_VALUES: Final = attrgetter(*COLUMNS)
_SETTERS: Final = tuple(getattr(Job, column).__set__ for column in COLUMNS)
_PAGE: Final = 500
_AFTER_ALL: Final = 2**63 - 1
_BEFORE: Final = f"SELECT 1 FROM job WHERE worker = :worker AND {READY_SQL} AND priority"
# Two spans of job_ready that end at the row: with the priority inside of the comparison SQLite
# would look at all that wait, wherever in the queue the row is.
_AHEAD: Final = f"""
SELECT (SELECT count(*) FROM ({_BEFORE} < :priority LIMIT :most))
  + (SELECT count(*) FROM ({_BEFORE} = :priority
        AND (turn, seq) < (SELECT turn, seq FROM job WHERE id = :id) LIMIT :most))"""
_DISOWNS: Final = {t.name for t in TABLE if t.ends_attempt and "fence" in t.effects}
"""Transitions that end an attempt and take the row from its holder."""


def job_of(row: Sequence[Any]) -> Job:
    """Fills the slots themselves: a frozen dataclass's own way takes thrice as long, and a job is
    read some seven times in its life."""
    job = object.__new__(Job)
    for put, value in zip(_SETTERS, row, strict=True):
        put(job, value)
    _SETTERS[_STATUS_AT](job, _STATUSES[row[_STATUS_AT]])
    _SETTERS[_STREAMING_AT](job, bool(row[_STREAMING_AT]))
    return job


def _holder(execute: Execute, job_id: str) -> tuple[Any, ...] | None:
    """Fence, owner and start of the attempt that runs now, if one does."""
    sql = f"SELECT fence, owner, started_at FROM job WHERE id = ? AND {HELD_SQL}"
    found: tuple[Any, ...] | None = execute(sql, (job_id,)).fetchone()
    return found


def _record(execute: Execute, job_id: str, attempt: tuple[Any, ...], move: Move) -> None:
    ended_at = move.args.get("now", move.args.get("due_at"))
    execute(
        "INSERT INTO attempt (job_id, fence, owner, started_at, ended_at, outcome, error) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (job_id, *attempt, ended_at, move.transition.name, move.args.get("error")),
    )


class SqliteStore:
    remote = False
    undoes = True

    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, jobs: Sequence[Job]) -> list[Created]:
        with self._db.write() as execute:
            return [self._create(execute, job) for job in jobs]

    def _create(self, execute: Execute, job: Job) -> Created:
        if job.idempotency_key is not None:
            known = execute(
                f"SELECT {SELECT_JOB} FROM job WHERE id = "
                "(SELECT job_id FROM idempotency WHERE caller = ? AND key = ?)",
                (job.caller, job.idempotency_key),
            ).fetchone()
            if known:
                return Created(job_of(known), existed=True)
            execute(
                "INSERT INTO idempotency VALUES (?, ?, ?, ?)",
                (job.caller, job.idempotency_key, job.id, job.created_at),
            )
        execute(statements.insert(), _VALUES(job) + turns.of(execute, job))
        return Created(job, existed=False)

    def harden(self) -> None:
        self._db.harden()

    def together(self) -> AbstractContextManager[Any]:
        return self._db.write()

    def get(self, job_id: str) -> Job | None:
        row = self._db.read(f"SELECT {SELECT_JOB} FROM job WHERE id = ?", (job_id,)).fetchone()
        return job_of(row) if row else None

    def move(self, job_id: str, move: Move) -> Job | None:
        transition = move.transition
        with self._db.write() as execute:
            # T6 and T8 leave owner and fence as they were: the new row tells who ended it.
            attempt = _holder(execute, job_id) if transition.name in _DISOWNS else None
            sql = statements.update(transition)
            row = execute(sql, {"job_id": job_id, **move.args}).fetchone()
            if row is None:
                return None
            job = job_of(row)
            if transition.name in ("T6", "T8"):
                attempt = (job.fence, job.owner, job.started_at)
            if attempt is not None:
                _record(execute, job_id, attempt, move)
        return job

    def due(self, *, now: float, limit: int = 100) -> list[Job]:
        return self._portion("due_at <= ? ORDER BY due_at LIMIT ?", now, limit=limit)

    def next_due(self) -> float | None:
        found: float | None = self._first("SELECT min(due_at) FROM job WHERE due_at IS NOT NULL")
        return found

    def held_by(self, owner: str) -> list[Job]:
        return self._jobs(f"owner = ? AND {HELD_SQL}", owner)

    def webhooks_due(self, *, now: float, limit: int = 100) -> list[Job]:
        return self._jobs("webhook_due <= ? ORDER BY webhook_due LIMIT ?", now, limit)

    def next_webhook_due(self) -> float | None:
        found: float | None = self._first(
            "SELECT min(webhook_due) FROM job WHERE webhook_due IS NOT NULL"
        )
        return found

    def load(self, *, now: float) -> dict[str, Load]:
        queued = self._db.read(
            "SELECT worker, count(*), min(max(created_at, not_before)) FROM job "
            f"WHERE {READY_SQL} AND not_before <= ? GROUP BY worker",
            (now,),
        ).fetchall()
        running = dict(
            self._db.read(f"SELECT worker, count(*) FROM job WHERE {HELD_SQL} GROUP BY worker")
        )
        loads = {worker: Load(0, count) for worker, count in running.items()}
        for worker, count, oldest in queued:
            loads[worker] = Load(count, running.get(worker, 0), oldest)
        return loads

    def queued(self, worker: str, *, now: float, most: int) -> int:
        return int(
            self._first(
                f"SELECT count(*) FROM (SELECT 1 FROM job WHERE worker = ? AND {READY_SQL} "
                "AND not_before <= ? LIMIT ?)",
                (worker, now, most),
            )
        )

    def waiting(self) -> dict[str, int]:
        # The callers lie in this index itself: 50,000 waiting jobs take some 10 ms. Left to choose,
        # SQLite goes by job_caller, over the rows of all jobs that ever were.
        waits = f"job INDEXED BY job_ready WHERE {READY_SQL}"
        return dict(self._db.read(f"SELECT caller, count(*) FROM {waits} GROUP BY caller"))

    def ahead_of(self, job: Job) -> int:
        args = {"worker": job.worker, "priority": job.priority, "id": job.id, "most": MOST_AHEAD}
        return min(int(self._first(_AHEAD, args)), MOST_AHEAD)

    def attempts_of(self, job_id: str) -> list[AttemptRecord]:
        return [
            AttemptRecord(*row)
            for row in self._db.read(
                "SELECT job_id, fence, owner, started_at, ended_at, outcome, error "
                "FROM attempt WHERE job_id = ? ORDER BY seq",
                (job_id,),
            )
        ]

    def list_jobs(
        self, *, caller: str | None = None, limit: int = 50, webhooks_only: bool = False
    ) -> list[Job]:
        mine = "caller = ?1" if caller is not None else "?1 IS NULL"
        hooked = " AND webhook IS NOT NULL" if webhooks_only else ""
        newest = "created_at DESC, seq DESC" if caller is not None else "seq DESC"
        return self._jobs(f"{mine}{hooked} ORDER BY {newest} LIMIT ?2", caller, limit)

    def page(
        self, wanted: Wanted, *, caller: str, after: Place | None = None, limit: int = 50
    ) -> Page:
        asked = listing.Asked(wanted, caller, after)
        floor = None if wanted.any_in_span else self._first(*listing.floor(asked))
        rows = self._db.read(*listing.rows(asked, floor, limit=limit + 1))
        return listing.cut([job_of(row) for row in rows], limit, floor)

    def every(self) -> Iterator[Job]:
        sql = f"SELECT seq, {SELECT_JOB} FROM job WHERE seq < ? ORDER BY seq DESC LIMIT {_PAGE}"
        before = _AFTER_ALL

        def read(rows: Iterable[Sequence[Any]]) -> Iterator[Job]:
            nonlocal before
            for row in rows:
                before = row[0]
                yield job_of(row[1:])

        while True:
            with contextlib.closing(self._db.read(sql, (before,))) as rows:
                page = portion(read(rows), _PAGE)
            if not page:
                return
            yield from page

    def purge(self, *, now: float, limit: int = 500) -> list[Job]:
        with self._db.write() as execute:
            old = "forget_at <= ? AND webhook_due IS NULL LIMIT ?"
            forgotten = self._portion(old, now, limit=limit)
            for job in forgotten:
                for table in ("feed", "attempt", "idempotency"):
                    execute(f"DELETE FROM {table} WHERE job_id = ?", (job.id,))
                if job.group_id == job.id:
                    execute("DELETE FROM tally WHERE group_id = ?", (job.id,))
                execute("DELETE FROM job WHERE id = ?", (job.id,))
            if len(forgotten) < limit:
                turns.sweep(execute)
        return forgotten

    def _jobs(self, where: str, *args: object) -> list[Job]:
        rows = self._db.read(f"SELECT {SELECT_JOB} FROM job WHERE {where}", args)
        return [job_of(row) for row in rows]

    def _portion(self, where: str, *args: object, limit: int) -> list[Job]:
        """Fewer than ``limit`` where their texts are long."""
        rows = self._db.read(f"SELECT {SELECT_JOB} FROM job WHERE {where}", (*args, limit))
        with contextlib.closing(rows):
            return portion(map(job_of, rows), limit)

    def _first(self, sql: str, args: Any = ()) -> Any:
        row = self._db.read(sql, args).fetchone()
        return row[0] if row else None
