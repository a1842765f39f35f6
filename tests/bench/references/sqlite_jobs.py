"""Bare reference without Redis: the one table that ingress and worker share."""

from __future__ import annotations

import sqlite3
from typing import Final

LOOK_S: Final = 0.001
"""Between two looks of somebody who waits."""


def connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        """CREATE TABLE IF NOT EXISTS job (
            seq INTEGER PRIMARY KEY, id TEXT UNIQUE, input TEXT NOT NULL, text TEXT)"""
    )
    connection.execute("CREATE INDEX IF NOT EXISTS waiting ON job (seq) WHERE text IS NULL")
    return connection
