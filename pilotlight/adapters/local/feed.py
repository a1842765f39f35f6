"""Log lines, progress and partial outputs in SQLite, and word to the ingress that there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.ports.feed import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.adapters.local.database import Database
    from pilotlight.adapters.local.wake import WakeSocket
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.feed import FeedKind, NewEntry

INGRESS_PORT: Final = "ingress_wake_port"
_KNOWN_FOR_S: Final = 1.0
"""The ingress's port is looked up no more often: a read is 12 us, and it changes with a restart."""


class SqliteFeed:
    def __init__(self, database: Database) -> None:
        self._db = database

    def append(self, entries: Sequence[NewEntry]) -> None:
        with self._db.write() as execute:
            for entry in entries:
                execute("INSERT INTO feed (job_id, kind, body, at) VALUES (?, ?, ?, ?)", entry)

    def read(
        self, job_id: str, *, after: int = 0, limit: int = 1000, kind: FeedKind | None = None
    ) -> list[Entry]:
        only = " AND kind = ?4" if kind else " AND ?4 IS NULL"
        rows = self._db.read(
            f"SELECT seq, kind, body, at FROM feed WHERE job_id = ?1 AND seq > ?2{only} "
            "ORDER BY seq LIMIT ?3",
            (job_id, after, limit, kind),
        )
        return [Entry(*row) for row in rows]


class WakeAnnouncer:
    """Tells the ingress that these jobs changed."""

    def __init__(self, database: Database, wake: WakeSocket, clock: Clock) -> None:
        self._db, self._wake, self._clock = database, wake, clock
        self._ports: list[int] = []
        self._asked_at = float("-inf")

    def changed(self, job_ids: Sequence[str]) -> None:
        now = self._clock.monotonic()
        if now - self._asked_at >= _KNOWN_FOR_S or not self._ports:
            rows = self._db.read("SELECT value FROM note WHERE name = ?", (INGRESS_PORT,))
            self._ports, self._asked_at = [port for (port,) in rows], now
        if job_ids:
            self._wake.say(self._ports, job_ids)
