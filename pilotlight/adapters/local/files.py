"""Rows of callers' files in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Final

from pilotlight.errors import IllegalTransition
from pilotlight.ports.files import FileRecord

if TYPE_CHECKING:
    from pilotlight.adapters.local.database import Database

_NAMES: Final = tuple(field.name for field in fields(FileRecord))
_SELECT: Final = f"SELECT {', '.join(_NAMES)} FROM file"


class SqliteFiles:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, record: FileRecord) -> None:
        marks = ", ".join("?" * len(_NAMES))
        try:
            with self._db.write() as execute:
                execute(f"INSERT INTO file ({', '.join(_NAMES)}) VALUES ({marks})", astuple(record))
        except sqlite3.IntegrityError:
            raise IllegalTransition(f"a file with the id {record.id} exists") from None
        self._db.harden()

    def find(self, file_id: str, *, caller: str) -> FileRecord | None:
        row = self._db.read(f"{_SELECT} WHERE caller = ? AND id = ?", (caller, file_id)).fetchone()
        return FileRecord(**dict(zip(_NAMES, row, strict=True))) if row else None

    def list_files(
        self, *, caller: str, after: str | None, limit: int, newest_first: bool = True
    ) -> list[FileRecord]:
        order, behind = ("DESC", "<") if newest_first else ("ASC", ">")
        rows = self._db.read(
            f"{_SELECT} WHERE caller = :caller AND (:after IS NULL OR id {behind} :after) "
            f"ORDER BY id {order} LIMIT :limit",
            {"caller": caller, "after": after, "limit": limit},
        )
        return [FileRecord(**dict(zip(_NAMES, row, strict=True))) for row in rows]

    def remove(self, file_id: str, *, caller: str) -> bool:
        with self._db.write() as execute:
            gone = execute("DELETE FROM file WHERE caller = ? AND id = ?", (caller, file_id))
            return gone.rowcount == 1
