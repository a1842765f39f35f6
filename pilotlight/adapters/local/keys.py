"""API keys in SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Final

from pilotlight.errors import IllegalTransition
from pilotlight.ports.keys import KeyRecord

if TYPE_CHECKING:
    from pilotlight.adapters.local.database import Database

_NAMES: Final = tuple(field.name for field in fields(KeyRecord))
_SELECT: Final = f"SELECT {', '.join(_NAMES)} FROM api_key"


class SqliteKeys:
    def __init__(self, database: Database) -> None:
        self._db = database

    def find(self, key_id: str) -> KeyRecord | None:
        row = self._db.read(f"{_SELECT} WHERE id = ?", (key_id,)).fetchone()
        return KeyRecord(**dict(zip(_NAMES, row, strict=True))) if row else None

    def add(self, record: KeyRecord) -> None:
        marks = ", ".join("?" * len(_NAMES))
        try:
            with self._db.write() as execute:
                execute(
                    f"INSERT INTO api_key ({', '.join(_NAMES)}) VALUES ({marks})", astuple(record)
                )
        except sqlite3.IntegrityError:
            raise IllegalTransition(f"a key with the id {record.id} exists") from None

    def list_keys(self) -> list[KeyRecord]:
        rows = self._db.read(f"{_SELECT} ORDER BY created_at DESC, id")
        return [KeyRecord(**dict(zip(_NAMES, row, strict=True))) for row in rows]

    def revoke(self, key_id: str, *, now: float) -> bool:
        with self._db.write() as execute:
            cursor = execute(
                "UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                (now, key_id),
            )
            return cursor.rowcount == 1

    def end(self, key_id: str, *, at: float) -> bool:
        with self._db.write() as execute:
            cursor = execute(
                "UPDATE api_key SET expires_at = ?1 WHERE id = ?2 AND revoked_at IS NULL "
                "AND (expires_at IS NULL OR expires_at > ?1)",
                (at, key_id),
            )
            return cursor.rowcount == 1

    def touch(self, key_id: str, *, now: float) -> None:
        minute = now - now % 60
        with self._db.write() as execute:
            execute(
                "UPDATE api_key SET last_used_at = ?1 WHERE id = ?2 "
                "AND (last_used_at IS NULL OR last_used_at < ?1)",
                (minute, key_id),
            )
