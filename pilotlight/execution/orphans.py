"""Files that no row leads to: a replica that was killed between storing an output and saying so,
or a text that was put away for a row that was then not written.

Every attempt stores under its own fence, so such a file never gets into another's way; it only
costs room. What is younger than a day is left alone: its row may be on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from pilotlight.contracts.artifact import ARTIFACTS
from pilotlight.observability.logs import event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.contracts.job import Job
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.store import JobStore

AGE_S: Final = 24 * 3600.0
RESULTS: Final = "results/"
_BATCH: Final = 200


class Texts(Protocol):
    """Where a store keeps what is too long for a row."""

    def jobs(self, *, after: float, before: float) -> Iterator[str]:
        """Ids of jobs that have texts put there in between."""
        ...

    def forget(self, job_id: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class Orphans:
    """A step looks at some hundred files; call it until it says that it has been round."""

    store: JobStore
    blobs: Blobs
    texts: Texts | None = None
    after: float = 0.0
    """What was stored before this has been looked at, or is left to the bucket's own rules."""
    _round: Iterator[bool] | None = None
    _known: tuple[str, Job | None] = ("", None)
    _gone: int = field(default=0)

    def __call__(self, now: float) -> bool:
        """Whether the round is over."""
        if self._round is None:
            self._gone = 0
            self._round = self._looked(self.after, now - AGE_S)
        looked = list(islice(self._round, _BATCH))
        self._gone += sum(looked)
        if len(looked) == _BATCH:
            return False
        self._round, self._known = None, ("", None)
        self.after = max(self.after, now - AGE_S)
        if self._gone:
            event("upkeep.orphans", files=self._gone)
        return True

    def _looked(self, after: float, before: float) -> Iterator[bool]:
        """For each file whether it was one."""
        for key in self.blobs.stored(RESULTS, after=after, before=before):
            orphan = self._is_orphan(key)
            if orphan:
                self.blobs.delete(key)
            yield orphan
        if self.texts is not None:
            for job_id in self.texts.jobs(after=after, before=before):
                orphan = self._row(job_id) is None
                if orphan:
                    self.texts.forget(job_id)
                yield orphan

    def _is_orphan(self, key: str) -> bool:
        job_id = key.removeprefix(RESULTS).partition("/")[0]
        job = self._row(job_id)
        if job is None:
            return True
        if not job.status.is_terminal:
            return False  # an attempt may be about to say that it is its result
        return all(key != one.key for one in ARTIFACTS.validate_json(job.artifacts))

    def _row(self, job_id: str) -> Job | None:
        if self._known[0] != job_id:
            self._known = (job_id, self.store.get(job_id))
        return self._known[1]
