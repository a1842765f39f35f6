"""The scaler's memory as notes in the job table's file; what it learns from are the attempts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pilotlight.ports.learned import Finished, Warmth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.adapters.local.database import Database

_TEXT: Final = "scaling:learned:"
_WARM: Final = "scaling:warm:"
_FINISHED: Final = """
SELECT attempt.seq, job.worker, job.created_at, attempt.started_at, attempt.ended_at
FROM attempt JOIN job ON job.id = attempt.job_id
WHERE attempt.seq > :after AND attempt.outcome = 'T6' AND attempt.started_at IS NOT NULL
ORDER BY attempt.seq LIMIT :limit"""


class SqliteLearned:
    def __init__(self, database: Database) -> None:
        self._db = database

    def finished(self, *, after: int | None, limit: int = 500) -> list[Finished]:
        if after is None:
            (newest,) = self._db.read("SELECT coalesce(max(seq), 0) FROM attempt").fetchone()
            after = newest - limit
        rows = self._db.read(_FINISHED, {"after": after, "limit": limit})
        return [
            Finished(seq=seq, worker=worker, created_at=made, started_at=started, ended_at=ended)
            for seq, worker, made, started, ended in rows
        ]

    def read(self) -> dict[str, str]:
        return self._notes(_TEXT)

    def write(self, texts: Mapping[str, str]) -> None:
        with self._db.write() as execute:
            for worker, text in texts.items():
                execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (_TEXT + worker, text))

    def warm(self, worker: str, warmth: Warmth) -> None:
        value = json.dumps([warmth.replicas, warmth.until])
        with self._db.write() as execute:
            execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (_WARM + worker, value))

    def warmed(self) -> dict[str, Warmth]:
        notes = self._notes(_WARM)
        return {worker: Warmth(*json.loads(value)) for worker, value in notes.items()}

    def _notes(self, prefix: str) -> dict[str, str]:
        last = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        rows = self._db.read(
            "SELECT name, value FROM note WHERE name > ? AND name < ?", (prefix, last)
        )
        return {name.removeprefix(prefix): value for name, value in rows}
