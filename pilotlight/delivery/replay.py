"""What became of webhooks, and how to send them again, with the ids they had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.contracts import moves
from pilotlight.errors import UnknownJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.job import Job
    from pilotlight.ports.store import JobStore

MAX_JOBS: Final = 10_000
"""Rows looked at by one replay since a time, newest first."""


def state_of(job: Job) -> str:
    """What became of a job's webhook, in a word or two."""
    if not job.status.is_terminal:
        return "not yet"
    if job.webhook_state is not None:
        return job.webhook_state.replace("_", " ")
    return "due" if job.webhook_tries == 0 else "will be retried"


def replay_jobs(
    store: JobStore, job_ids: Sequence[str], *, now: float, caller: str | None = None
) -> list[str]:
    """Make the webhooks of these jobs due now; the ids of those that have one and are over.

    ``caller`` None is the operator. Raises UnknownJob, before any is touched, for an id that is
    not there or not the caller's.
    """
    jobs = [_job(store, job_id, caller) for job_id in job_ids]
    return [job.id for job in jobs if _replayed(store, job, now)]


def replay_since(
    store: JobStore, since: float, *, now: float, caller: str | None = None
) -> list[str]:
    """The same for every job that ended at or after ``since``, whatever came of its webhook."""
    jobs = store.list_jobs(caller=caller, limit=MAX_JOBS, webhooks_only=True)
    return [
        job.id
        for job in jobs
        if job.ended_at is not None and job.ended_at >= since and _replayed(store, job, now)
    ]


def _job(store: JobStore, job_id: str, caller: str | None) -> Job:
    job = store.get(job_id)
    if job is None or (caller is not None and job.caller != caller):
        raise UnknownJob(f"there is no job {job_id}", job_id=job_id)
    return job


def _replayed(store: JobStore, job: Job, now: float) -> bool:
    if job.webhook is None:
        return False
    return store.move(job.id, moves.replay_webhook(now=now)) is not None
