"""Files that no row leads to: a replica that was killed between storing an output and saying so,
or a text that was put away for a row that was then not written.

Every attempt stores under its own fence, so such a file never gets into another's way; it only
costs room. What is younger than a day is left alone: its row may be on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from pilotlight.contracts.artifact import ARTIFACTS
from pilotlight.observability.logs import event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pilotlight.contracts.job import Job
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.store import JobStore

AGE_S: Final = 24 * 3600.0
RESULTS: Final = "results/"
_FILES: Final = 200
_PORTIONS: Final = 20
"""Of one step: whichever comes first. A thousand files that are not in question are a portion."""


class Texts(Protocol):
    """Where a store keeps what is too long for a row."""

    def jobs(self, *, after: float, before: float) -> Iterator[Sequence[str]]:
        """Ids of jobs that have texts put there in between, in portions."""
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
    _round: Iterator[tuple[int, int]] | None = None
    _known: tuple[str, Job | None] = ("", None)
    _gone: int = 0
    _until: float = 0.0

    def __call__(self, now: float) -> bool:
        """Whether the round is over. Raises what the stores raise; the next call begins anew."""
        if self._round is None:
            self._gone, self._until = 0, now - AGE_S
            self._round = self._looked(self.after, self._until)
        try:
            if not self._step(self._round):
                return False
        except BaseException:
            self._round = None
            raise
        self._round, self._known = None, ("", None)
        self.after = max(self.after, self._until)
        if self._gone:
            event("upkeep.orphans", files=self._gone)
        return True

    def _step(self, portions: Iterator[tuple[int, int]]) -> bool:
        """Whether there are no more."""
        files = 0
        for _ in range(_PORTIONS):
            portion = next(portions, None)
            if portion is None:
                return True
            files, self._gone = files + portion[0], self._gone + portion[1]
            if files >= _FILES:
                return False
        return False

    def _looked(self, after: float, before: float) -> Iterator[tuple[int, int]]:
        """For each portion, how many were looked at and how many were orphans."""
        for keys in self.blobs.stored(RESULTS, after=after, before=before):
            orphans = [key for key in keys if self._is_orphan(key)]
            for key in orphans:
                self.blobs.delete(key)
            yield len(keys), len(orphans)
        if self.texts is None:
            return
        for job_ids in self.texts.jobs(after=after, before=before):
            lost = [job_id for job_id in job_ids if self._row(job_id) is None]
            for job_id in lost:
                self.texts.forget(job_id)
            yield len(job_ids), len(lost)

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
