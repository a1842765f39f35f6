"""Whether this machine can hold a data folder, and whether the one that is there is sound."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import tempfile
from typing import TYPE_CHECKING, Final

from pilotlight.adapters.local import overrules
from pilotlight.adapters.local.database import BIG_WAL_BYTES
from pilotlight.adapters.local.schema import VERSION

if TYPE_CHECKING:
    from pathlib import Path

OLDEST_SQLITE: Final = (3, 35, 0)
"""The first with RETURNING."""
LEAST_FREE: Final = 2 * BIG_WAL_BYTES
"""Of the disk: room for the job table's log, and for folding it into its file. With less, submits
are about to be refused."""


def sqlite_trouble() -> str | None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        return f"SQLite {sqlite3.sqlite_version} is too old; use a Python with {oldest} or newer"
    return None


def folder_trouble(data: Path) -> str | None:
    """What keeps us from writing there, locking and syncing. Leaves nothing behind."""
    nearest = data
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir():
        return f"{nearest} is no folder"
    try:
        with tempfile.TemporaryFile(dir=nearest) as probe:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
            probe.write(b"x")
            probe.flush()
            os.fdatasync(probe.fileno())
    except OSError as error:
        return f"{nearest} cannot be written, locked and synced: {error.strerror}"
    return None


def room_trouble(data: Path) -> str | None:
    """Without trying: a probe that writes takes what is left."""
    try:
        free = shutil.disk_usage(data).free
    except OSError as error:
        return f"the data folder is not there: {error.strerror}"
    if free < LEAST_FREE:
        return f"{free // 1024**2} MiB of disk are free: make room"
    return None


def database_trouble(path: Path) -> str | None:
    """What SQLite says of the file, read only; None when it is sound or not there yet."""
    if not path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        return f"{path} cannot be read: {error}"
    if said != "ok":
        return f"{path} is damaged: {said}; restore it from a backup"
    if version not in (0, VERSION):
        return f"{path} was written by another release; start with an empty --data folder"
    return None


def paused(path: Path) -> list[tuple[str, float]]:
    """Workers that an operator has paused, and since when."""
    if not path.exists():
        return []
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(overrules.READ).fetchall()
    except sqlite3.Error:
        return []


def newest_row_at(path: Path) -> float | None:
    """When the newest job was made, by the clock of that time; None where there is none."""
    if not path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            row = connection.execute(
                "SELECT created_at FROM job ORDER BY seq DESC LIMIT 1"
            ).fetchone()
    except sqlite3.Error:
        return None
    return float(row[0]) if row else None
