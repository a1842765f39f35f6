"""A finished job once more: a new job from the same input."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import lifecycle, moves
from pilotlight.contracts.artifact import BLOB_SCHEME
from pilotlight.contracts.group import NO_WORKER
from pilotlight.contracts.job import Job
from pilotlight.contracts.media import has_media, media_fields
from pilotlight.contracts.routes import files_by
from pilotlight.errors import (
    IdempotencyMismatch,
    IllegalTransition,
    NotFinished,
    Problem,
    UnknownFile,
)
from pilotlight.intake.ids import new_id

if TYPE_CHECKING:
    from pilotlight.catalogue import Served
    from pilotlight.intake.submit import Submit

RETRY_OF: Final = "retry_of"
"""In a row's options: the job that it repeats."""
_KEPT: Final = (
    "caller", "endpoint", "worker", "origin", "input", "tags", "priority", "streaming",
    "max_attempts", "max_losses", "retries", "run_timeout_s", "artifact_ttl_s", "keep_s", "webhook",
)  # fmt: skip
"""What was wished for; all else is the first job's own life."""


@dataclass(frozen=True, slots=True)
class Again:
    """``await again(job)`` returns the new job once it cannot be lost.

    It has the input, tags, webhook, priority, limits and origin of the first, and names it in its
    options. Raises NotFinished while the first is under way, IllegalTransition when it cannot be
    done again as it was, and what a submit raises.
    """

    submit: Submit

    async def __call__(self, job: Job, *, idempotency_key: str | None = None) -> Job:
        if not job.status.is_terminal:
            raise NotFinished(f"the job is {job.status}; cancel it first", job_id=job.id)
        if job.worker == NO_WORKER:
            raise IllegalTransition(
                "this job stands for a group; start the group anew", job_id=job.id
            )
        served = self.submit.catalogue.endpoint(job.endpoint)
        _same_worker(job, served)
        await asyncio.to_thread(self._files_are_there, job, served)
        if self.submit.quotas.limits_jobs(job.caller):
            await asyncio.to_thread(self.submit.quotas.job, job.caller)
        await asyncio.to_thread(self.submit.admission.admit, job.worker)
        created = await self.submit.recorder.record(self._fresh(job, idempotency_key))
        if created.existed and first_of(created.job) != job.id:
            problem = Problem(
                ("header", "idempotency-key"),
                "this key was used before for something else; use a new key for a new job",
                "idempotency_mismatch",
            )
            raise IdempotencyMismatch(problem.message, problem)
        return created.job

    def _fresh(self, job: Job, key: str | None) -> Job:
        now = self.submit.clock.now()
        start_by = now + (job.start_by - job.created_at)
        fresh = Job(
            **{name: getattr(job, name) for name in _KEPT},
            id=new_id(now),
            created_at=now,
            start_by=start_by,
            due_at=min(start_by, now + self.submit.settings.accept_s),
            options=json.dumps({**json.loads(job.options), RETRY_OF: job.id}),
            idempotency_key=key,
        )
        if self.submit.rides_on_store:
            return lifecycle.apply(moves.queued(fresh, due_at=start_by), fresh)
        return fresh

    def _files_are_there(self, job: Job, served: Served) -> None:
        if BLOB_SCHEME not in job.input:
            return
        model = files_by(served.spec, job.endpoint)
        if model is None or not has_media(model):
            return
        for found in media_fields(model.model_validate_json(job.input)):
            if found.url.startswith(BLOB_SCHEME):
                try:
                    self.submit.inputs.blobs.info(found.url.removeprefix(BLOB_SCHEME))
                except UnknownFile:
                    where = ".".join(str(part) for part in found.loc)
                    raise IllegalTransition(
                        f"the file in {where} is not kept any more; submit it anew", job_id=job.id
                    ) from None


def first_of(job: Job) -> str | None:
    """The id of the job that this one repeats, if it repeats one."""
    if RETRY_OF not in job.options:
        return None
    found: str | None = json.loads(job.options).get(RETRY_OF)
    return found


def _same_worker(job: Job, served: Served) -> None:
    if served.spec.name != job.worker:
        # The row keeps the input in its worker's words.
        raise IllegalTransition(
            f"{job.endpoint} is served by {served.spec.name} now, and was by {job.worker}; "
            "submit the input anew",
            job_id=job.id,
        )
