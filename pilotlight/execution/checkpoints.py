"""What a long job has come to, kept for the attempt after this one.

One file an attempt, in the blob store beside its results: a put replaces the one before, whole or
not at all, and takes those of earlier attempts away. The newest attempt's counts, so that one that
was paused and saves too late undoes nothing. It goes when the replica sees the job end; where nobody
saw that, it counts as a file that no row leads to (:mod:`pilotlight.execution.orphans`), and it
expires at the latest.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.errors import UnknownFile, WorkerError
from pilotlight.execution.orphans import RESULTS
from pilotlight.observability import logs

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.contracts.job import Job
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.clock import Clock

KEPT_S: Final = 14 * 24 * 3600.0
"""After the last save. A job that waits longer for its next attempt begins anew."""
_WAITS_S: Final = (0.5, 2.0, 8.0)
"""Between the tries to save one: a hiccup of the blob store costs no minutes of a GPU."""


def key_of(job_id: str, fence: int) -> str:
    """No attempt's results can lie there: those are below a fence, which is a number."""
    return f"{RESULTS}{job_id}/checkpoint/{fence}"


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Used on background threads."""

    blobs: Blobs
    clock: Clock

    def fetch(self, job: Job, folder: Path) -> str:
        """A local path; empty where no attempt has saved any. Raises what the blob store raises."""
        folder.mkdir(parents=True, exist_ok=True)
        for fence in range(job.fence - 1, 0, -1):  # two an attempt: one look each for the misses
            with contextlib.suppress(UnknownFile):
                return str(self.blobs.local_copy(key_of(job.id, fence), folder))
        return ""

    def save(self, job: Job, path: Path, *, folder: Path) -> None:
        """Raises WorkerError for a file outside of ``folder``, else what the blob store raised."""
        if not path.resolve().is_relative_to(folder.resolve()):
            raise WorkerError(f"the checkpoint {path} is outside of context.folder")
        for wait_s in _WAITS_S:
            try:
                return self._put(job, path)
            except Exception:  # noqa: BLE001 - a port may fail in its vendor's own words
                logs.failure("checkpoint.put_failed", job_id=job.id)
                self.clock.sleep(wait_s)
        return self._put(job, path)

    def delete(self, job: Job) -> None:
        """What this attempt and those before it saved. Best effort: what stays is swept."""
        self._delete(job, upto=job.fence)

    def _put(self, job: Job, path: Path) -> None:
        expires_at = self.clock.now() + KEPT_S
        self.blobs.put(
            key_of(job.id, job.fence),
            path,
            content_type="application/octet-stream",
            file_name=path.name,
            expires_at=expires_at,
        )
        self._delete(job, upto=job.fence - 1)

    def _delete(self, job: Job, *, upto: int) -> None:
        try:
            for fence in range(upto, 0, -1):
                self.blobs.delete(key_of(job.id, fence))
        except Exception:  # noqa: BLE001 - a port may fail in its vendor's own words
            logs.failure("checkpoint.not_deleted", job_id=job.id)
