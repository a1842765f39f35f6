"""Ends of jobs from the attempts, which are in the order of their ends.

A job that expired while it waited made no attempt and is not among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.contracts.job import JobStatus
from pilotlight.contracts.lifecycle import TABLE
from pilotlight.ports.ends import Ended

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.adapters.local.database import Database

_FRESH: Final = """
SELECT job.worker, attempt.outcome, count(*) FROM attempt JOIN job ON job.id = attempt.job_id
WHERE attempt.seq > ? AND attempt.seq <= ? GROUP BY job.worker, attempt.outcome"""
_FAILED: Final = {one.name for one in TABLE if one.ends_attempt and one.to is JobStatus.FAILED}
_SUCCEEDED: Final = {
    one.name for one in TABLE if one.ends_attempt and one.to is JobStatus.SUCCEEDED
}


class SqliteEnds:
    """Counts from its making on."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._seq = self._newest()

    def fresh(self) -> Mapping[str, Ended]:
        after, self._seq = self._seq, self._newest()
        found: dict[str, Ended] = {}
        for worker, outcome, count in self._db.read(_FRESH, (after, self._seq)):
            before = found.get(worker, Ended())
            found[worker] = Ended(
                before.succeeded + count * (outcome in _SUCCEEDED),
                before.failed + count * (outcome in _FAILED),
            )
        return found

    def _newest(self) -> int:
        (newest,) = self._db.read("SELECT coalesce(max(seq), 0) FROM attempt").fetchone()
        return int(newest)
