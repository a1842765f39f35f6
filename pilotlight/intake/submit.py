"""Turn a submission into a recorded job: validate, fetch its media, admit, record, announce."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pilotlight.contracts import lifecycle, tags
from pilotlight.contracts.job import Job
from pilotlight.errors import IdempotencyMismatch, InvalidInput, Problem
from pilotlight.intake.fetching import Fetching
from pilotlight.intake.ids import new_id
from pilotlight.intake.reading import read
from pilotlight.intake.terms import terms
from pilotlight.observability import trace

if TYPE_CHECKING:
    from pilotlight.catalogue import Catalogue
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.intake.admission import Admission
    from pilotlight.intake.grouping import Recorder
    from pilotlight.intake.inputs import Inputs
    from pilotlight.intake.quotas import Quotas
    from pilotlight.intake.submission import Submission
    from pilotlight.ports.clock import Clock
    from pilotlight.settings import JobSettings

MAX_KEY_CHARACTERS = 255
MIN_START_TIMEOUT_S = 0.1
"""fal's server refuses a shorter X-Fal-Request-Timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """``await submit(submission)`` returns the job once it cannot be lost.

    Raises UnknownEndpoint, InvalidInput (nothing is recorded then), QueueQuotaReached,
    BacklogFull and IdempotencyMismatch.
    """

    catalogue: Catalogue
    inputs: Inputs
    quotas: Quotas
    admission: Admission
    recorder: Recorder
    clock: Clock
    settings: JobSettings
    rides_on_store: bool
    fetching: Fetching = field(default_factory=Fetching)

    async def __call__(self, submission: Submission) -> Job:
        served = self.catalogue.endpoint(submission.endpoint)
        spec = served.spec
        _check(submission)
        reading = read(served, submission.body)
        if self.quotas.limits_jobs(submission.caller):
            await self._within_quota(submission.caller)
        if self.quotas.store.remote:
            # A count crosses the network: nobody else's request may wait for it on the event loop.
            await asyncio.to_thread(self.admission.admit, spec.name, limit=submission.max_queue)
        else:
            self.admission.admit(spec.name, limit=submission.max_queue)
        now = self.clock.now()
        if reading.needs_files(self.inputs):
            look = partial(reading.text, self.inputs, caller=submission.caller, now=now)
            text = await self.fetching(submission.caller, look)
        else:
            text = reading.text(self.inputs, caller=submission.caller, now=now)
        created = await self.recorder.record(self._job(submission, spec, text, now))
        if created.existed:
            _same_body(created.job, submission)
        return created.job

    def row(self, submission: Submission, *, text: str | None = None) -> Job:
        """The job this would be, not recorded: for members of groups. Blocks on the network.

        ``text`` is an input that was looked at already, or is none yet. Raises as a submit does,
        but for quotas and backlog.
        """
        served, now = self.catalogue.endpoint(submission.endpoint), self.clock.now()
        _check(submission)
        if text is None:
            reading = read(served, submission.body)
            text = reading.text(self.inputs, caller=submission.caller, now=now)
        return self._job(submission, served.spec, text, now)

    async def _within_quota(self, caller: str) -> None:
        if self.quotas.store.remote:
            await asyncio.to_thread(self.quotas.job, caller)
        else:
            self.quotas.job(caller)

    def _job(self, submission: Submission, spec: WorkerSpec, text: str, now: float) -> Job:
        wanted = submission.start_timeout_s or self.settings.start_timeout_s
        start_by = now + min(wanted, self.settings.max_start_timeout_s)
        key = submission.idempotency_key
        may = terms(submission, spec, self.settings)
        due_at = min(start_by, now + self.settings.accept_s)
        # Where the created row already waits in the queue, T1 and T2 are one write.
        rides = self.rides_on_store
        begun = lifecycle.born_queued(due_at=start_by) if rides else {"due_at": due_at}
        return Job(
            id=new_id(now),
            caller=submission.caller,
            endpoint=submission.endpoint,
            worker=spec.name,
            origin=submission.origin,
            input=text,
            options=json.dumps(submission.options) if submission.options else "{}",
            tags=tags.written(submission.tags) if submission.tags else None,
            trace=trace.current.get(),
            created_at=now,
            priority=submission.priority,
            streaming=submission.streaming,
            max_attempts=may.max_attempts,
            max_losses=may.max_losses,
            retries=may.retries,
            start_by=start_by,
            run_timeout_s=min(submission.run_timeout_s or spec.timeout_s, spec.timeout_s),
            artifact_ttl_s=submission.artifact_ttl_s,
            keep_s=self.settings.retention_s if submission.keep_s is None else submission.keep_s,
            webhook=submission.webhook,
            idempotency_key=key,
            body_sha256=_digest(submission) if key else None,
            **begun,
        )


def _digest(submission: Submission) -> str:
    return hashlib.sha256(submission.endpoint.encode() + b"\n" + submission.body).hexdigest()


def _same_body(job: Job, submission: Submission) -> None:
    if job.body_sha256 != _digest(submission):
        problem = Problem(
            ("header", "idempotency-key"),
            "this key was used before with another body; use a new key for a new job",
            "idempotency_mismatch",
        )
        raise IdempotencyMismatch(problem.message, problem)


def _check(submission: Submission) -> None:
    key = submission.idempotency_key
    if key is not None and not (0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii()):
        raise _header("idempotency-key", f"1 to {MAX_KEY_CHARACTERS} ASCII characters")
    timeout = submission.start_timeout_s
    if timeout is not None and not timeout > MIN_START_TIMEOUT_S:
        raise _header("start timeout", f"more than {MIN_START_TIMEOUT_S} seconds")


def _header(name: str, wanted: str) -> InvalidInput:
    problem = Problem(("header", name), f"must be {wanted}", "value_error")
    return InvalidInput(f"{name} {problem.message}", problem)
