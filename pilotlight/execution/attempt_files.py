"""The files of the attempts in hand: in before the run, out after it, and the scratch tidied."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pilotlight.errors import PilotlightError, ReplicaFailure, WorkerError
from pilotlight.execution.attempt import Attempt, Stage, Succeeded
from pilotlight.execution.checkpoints import Checkpoints
from pilotlight.execution.child_run import failure_of
from pilotlight.execution.inputs import Inputs
from pilotlight.execution.outputs import Outputs
from pilotlight.execution.retry import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from pilotlight.contracts.job import Job
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.execution.background import Background
    from pilotlight.execution.replica_ports import ReplicaPorts

    Fail = Callable[[Attempt, Failure], None]

_TIDY_EVERY_S: Final = 1


class AttemptFiles:
    """Work on files happens on background threads, its consequences on the loop.

    ``fail`` is told of an attempt whose files could not be moved.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        ports: ReplicaPorts,
        *,
        background: Background,
        scratch: Path,
        fail: Fail,
    ) -> None:
        self._background, self._scratch, self._fail = background, scratch, fail
        self._inputs = Inputs(spec, ports.blobs)
        self._outputs = Outputs(ports.blobs, ports.clock)
        self._checkpoints = Checkpoints(ports.blobs, ports.clock)
        self._resumes = spec.checkpoints
        self._tidied_at = float("-inf")

    def folder_of(self, job: Job) -> Path:
        return Path(f"{self._scratch}/{job.id}/{job.fence}")  # a quarter of what joining takes

    def fetch(self, attempt: Attempt) -> None:
        """Bring the input's files here; the attempt waits for the child afterwards."""
        has_files = self._inputs.has_files(attempt.job)
        # Handed back, an attempt is not counted: the fence tells whether there was one before.
        resumes = self._resumes and attempt.job.fence > 1
        if not has_files and not resumes:
            attempt.stage = Stage.WAITING
            return
        attempt.in_background = True

        def work() -> None:
            if has_files:
                attempt.files = self._inputs.fetch(attempt.job, attempt.folder / "inputs")
            if resumes:
                folder = attempt.folder / "resumed"
                attempt.checkpoint = self._checkpoints.fetch(attempt.job, folder)
                attempt.has_checkpoint = bool(attempt.checkpoint)

        def then(error: BaseException | None) -> None:
            attempt.in_background = False
            if attempt.may_end and error is not None:
                self._fail(attempt, _failure(error, "an input file could not be read"))
            elif attempt.may_end:
                attempt.stage = Stage.WAITING

        self._background.do(work, then)

    def store(self, attempt: Attempt) -> None:
        """Bring the output's files away; the attempt has succeeded afterwards."""
        attempt.in_background = True
        stored: list[Succeeded] = []

        def work() -> None:
            if attempt.may_end and attempt.result is not None:
                files = attempt.folder / "files"
                stored.append(self._outputs.store(attempt.result, folder=files, job=attempt.job))

        def then(error: BaseException | None) -> None:
            attempt.in_background = False
            if not attempt.may_end:
                self.delete(stored)
            elif error is not None:
                self._fail(attempt, _failure(error, "an output could not be stored"))
            else:
                attempt.outcome = stored[0]

        self._background.do(work, then)

    def save(self, attempt: Attempt, path: str, *, told: Callable[[str], None]) -> None:
        """Keep a checkpoint while the job is ours; ``told`` what went wrong, or nothing."""
        attempt.saving = True

        def work() -> None:
            if not self._resumes:
                raise WorkerError("the worker's spec does not say that its jobs have checkpoints")
            if attempt.may_end:
                folder = attempt.folder / "files"
                self._checkpoints.save(attempt.job, Path(path), folder=folder)

        def then(error: BaseException | None) -> None:
            attempt.saving = False
            attempt.has_checkpoint = attempt.has_checkpoint or error is None
            told("" if error is None else f"{type(error).__name__}: {error}")

        self._background.do(work, then)

    def forget_checkpoint(self, job: Job) -> None:
        """The job has ended: nobody will go on from there."""
        self._background.do(lambda: self._checkpoints.delete(job), lambda _error: None)

    def delete(self, results: list[Succeeded]) -> None:
        """Nobody will ever see these results: take their files out of the blob store."""
        keys = [key for result in results for key in result.keys]
        if keys:
            self._background.do(lambda: self._outputs.delete(keys), lambda _error: None)

    def tidy(self, still_here: Container[str], *, now: float) -> bool:
        """Remove the scratch of jobs that are not here any more; whether it was time to.

        One look at the folder serves many jobs: most of them leave nothing there.
        """
        if now - self._tidied_at < _TIDY_EVERY_S:
            return False
        self._tidied_at = now
        if self._scratch.is_dir():
            for folder in self._scratch.iterdir():
                if folder.name not in still_here:
                    shutil.rmtree(folder, ignore_errors=True)
        return True


def _failure(error: BaseException, words: str) -> Failure:
    """Our own errors speak for themselves; a vendor's are the machine's fault."""
    if isinstance(error, PilotlightError):
        return failure_of(error)[0]
    return Failure.of(ReplicaFailure(f"{words}: {type(error).__name__}: {error}"))
