"""The tables of local mode. Finished rows weigh nothing: what the machinery asks is indexed partly.

``job``'s columns are the fields of :class:`pilotlight.contracts.job.Job`, made from it, so that
the two cannot drift apart; ``seq``, ``level`` and ``turn`` are this adapter's own: the order in
which rows came, and that in which they run (:mod:`.turns`).
"""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Final

from pilotlight.contracts.job import HELD, READY, Job, JobStatus
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    import sqlite3

VERSION: Final = 4


def listed(statuses: frozenset[JobStatus]) -> str:
    """``'accepted','queued'``: the same text in index and query, or SQLite skips the index."""
    return ",".join(f"'{status}'" for status in JobStatus if status in statuses)


READY_SQL: Final = f"status IN ({listed(READY)})"
HELD_SQL: Final = f"status IN ({listed(HELD)})"

_TYPES: Final = {str: "TEXT", int: "INTEGER", bool: "INTEGER", float: "REAL"}
COLUMNS: Final = tuple(field.name for field in fields(Job))


def _column(name: str, kind: object, *, required: bool) -> str:
    if isinstance(kind, types.UnionType):
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
    base = str if isinstance(kind, type) and issubclass(kind, str) else kind
    unique = " UNIQUE" if name == "id" else ""
    return f"{name} {_TYPES[base]}{' NOT NULL' if required else ''}{unique}"  # type: ignore[index]


def _job_table() -> str:
    kinds = typing.get_type_hints(Job)
    columns = ",\n".join(
        _column(field.name, kinds[field.name], required=field.default is MISSING)
        for field in fields(Job)
    )
    own = ",\n".join(("seq INTEGER PRIMARY KEY", *_TURN))
    return f"CREATE TABLE job ({own},\n{columns})"


_TURN: Final = tuple(f"{name} INTEGER NOT NULL DEFAULT 0" for name in ("level", "credit", "turn"))
_READY_INDEX: Final = (
    f"CREATE INDEX job_ready ON job (worker, priority, turn, seq, caller) WHERE {READY_SQL}"
)
_RUNNING_INDEX: Final = (
    f"CREATE INDEX job_running ON job (worker, priority, level, owner) WHERE {HELD_SQL}"
)
TABLES: Final = (
    _job_table(),
    _READY_INDEX,
    _RUNNING_INDEX,
    # What a caller's newest job in a queue got, so that the next one need not look for it.
    """CREATE TABLE turn (
        caller TEXT NOT NULL, worker TEXT NOT NULL, priority INTEGER NOT NULL,
        level INTEGER NOT NULL, credit INTEGER NOT NULL,
        PRIMARY KEY (caller, worker, priority)) WITHOUT ROWID""",
    "CREATE INDEX job_due ON job (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX job_webhook ON job (webhook_due) WHERE webhook_due IS NOT NULL",
    "CREATE INDEX job_caller ON job (caller, created_at)",
    """CREATE TABLE agent (
        caller TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL,
        definition TEXT NOT NULL, created_at REAL NOT NULL,
        PRIMARY KEY (caller, id, version)) WITHOUT ROWID""",
    "CREATE INDEX job_group ON job (group_id, member) WHERE member IS NOT NULL",
    "CREATE INDEX job_mark ON job (group_due) WHERE group_due IS NOT NULL",
    """CREATE TABLE tally (
        group_id TEXT PRIMARY KEY, total INTEGER NOT NULL, succeeded INTEGER NOT NULL,
        failed INTEGER NOT NULL, cancelled INTEGER NOT NULL, expired INTEGER NOT NULL,
        cursor TEXT NOT NULL, sealed INTEGER NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX job_forget ON job (forget_at) WHERE forget_at IS NOT NULL",
    """CREATE TABLE idempotency (
        caller TEXT NOT NULL, key TEXT NOT NULL, job_id TEXT NOT NULL, created_at REAL NOT NULL,
        PRIMARY KEY (caller, key)) WITHOUT ROWID""",
    "CREATE INDEX idempotency_job ON idempotency (job_id)",
    """CREATE TABLE attempt (
        seq INTEGER PRIMARY KEY, job_id TEXT NOT NULL, fence INTEGER NOT NULL, owner TEXT,
        started_at REAL, ended_at REAL NOT NULL, outcome TEXT NOT NULL, error TEXT)""",
    "CREATE INDEX attempt_job ON attempt (job_id)",
    """CREATE TABLE feed (
        seq INTEGER PRIMARY KEY, job_id TEXT NOT NULL, kind TEXT NOT NULL,
        body TEXT NOT NULL, at REAL NOT NULL)""",
    "CREATE INDEX feed_job ON feed (job_id, seq)",
    """CREATE TABLE replica (
        id TEXT PRIMARY KEY, worker TEXT NOT NULL, stage TEXT NOT NULL,
        slots INTEGER NOT NULL DEFAULT 1, pid INTEGER, pid_started REAL, wake_port INTEGER,
        asked_at REAL NOT NULL DEFAULT 0, loading_at REAL, ready_at REAL,
        active_at REAL NOT NULL DEFAULT 0, seen_at REAL, ended_at REAL, error TEXT,
        step TEXT, step_at REAL, fraction REAL, took TEXT)""",
    "CREATE INDEX replica_live ON replica (worker) WHERE ended_at IS NULL",
    "CREATE INDEX replica_ended ON replica (ended_at) WHERE ended_at IS NOT NULL",
    """CREATE TABLE api_key (
        id TEXT PRIMARY KEY, caller TEXT NOT NULL, secret_hash TEXT NOT NULL,
        name TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL, revoked_at REAL,
        last_used_at REAL, scopes TEXT, requests_per_s REAL, burst INTEGER,
        queued_jobs INTEGER)""",
    """CREATE TABLE file (
        caller TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,
        purpose TEXT NOT NULL, content_type TEXT NOT NULL, size INTEGER NOT NULL,
        sha256 TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL,
        PRIMARY KEY (caller, id)) WITHOUT ROWID""",
    "CREATE TABLE note (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
)


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file; refuse a file of another version.

    The caller holds the write lock. Raises SettingsError.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    if version != 0:
        raise SettingsError(
            f"the data folder was written by another release (schema {version}, this one reads "
            f"{VERSION}); start with an empty --data folder or the release that wrote it"
        )
    connection.execute("BEGIN IMMEDIATE")
    for statement in TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
