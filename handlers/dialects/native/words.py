"""A job in the shape of ``/api``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from starlette.requests import HTTPConnection

from handlers import api, outcome
from handlers.moments import iso
from handlers.services import services_of
from handlers.site import base_url
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts import tags
from pilotlight.contracts.artifact import ARTIFACTS
from pilotlight.contracts.job import LOW_PRIORITY, AttemptRecord, Job, JobError, JobStatus
from pilotlight.delivery.replay import state_of
from pilotlight.intake.again import first_of
from pilotlight.intake.eta import eta_s

NAME: Final = "native"
JOBS: Final = "/api/jobs"
PRIORITIES: Final = {0: "normal", LOW_PRIORITY: "low"}


def brief(job: Job, *, error: JobError | None, site: str) -> dict[str, Any]:
    """What a list shows of a job."""
    return {
        "id": job.id,
        "endpoint": job.endpoint,
        "worker": job.worker,
        "origin": job.origin,
        "status": str(job.status),
        "priority": PRIORITIES.get(job.priority, "low"),
        "tags": [one._asdict() for one in tags.read(job.tags)],
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "ended_at": iso(job.ended_at),
        "attempt": job.attempts,
        "error": None if error is None else api.shape(error),
        "retry_of": first_of(job),
        "url": f"{site}{JOBS}/{job.id}",
    }


def whole(request: HTTPConnection, job: Job) -> dict[str, Any]:
    """All there is to know of a job. Reads rows."""
    services, site = services_of(request), base_url(request)
    said = brief(job, error=outcome.error_of(services, job), site=site)
    said["progress"] = progress(services, job)
    said["output"] = None
    if job.status is JobStatus.SUCCEEDED:
        inline = json.loads(job.options).get("sync_mode") is True
        said["output"] = json.loads(services.control.output(job, base_url=site, inline=inline))
    said["artifacts"] = list(_artifacts(services, job, site))
    said["attempts"] = [_attempt(record) for record in services.store.attempts_of(job.id)]
    said["webhook"] = None if job.webhook is None else delivery(job)
    return said


def progress(services: Services, job: Job) -> dict[str, Any] | None:
    """Where a job that has not ended stands, and how long it will take."""
    if job.status.is_terminal:
        return None
    view, cold = services.control.view(job), None
    known = services.catalogue.workers.get(job.worker)
    eta = eta_s(
        view,
        usual_s=services.controller.usual_s(job.worker),
        slots=known.spec.jobs_per_replica if known else 1,
        now=services.clock.now(),
    )
    if view.cold is not None:
        cold = {
            "stage": view.cold.stage,
            "step": getattr(view.cold, "step", None),
            "fraction": getattr(view.cold, "fraction", None),
            "eta_s": view.cold.eta_s,
            "error": view.cold.error,
        }
    return {
        "stage": str(job.status) if cold is None else "cold_start",
        "fraction": round(job.progress, 4),
        "position": view.position,
        "cold_start": cold,
        "eta_s": eta,
    }


def _artifacts(services: Services, job: Job, site: str) -> Iterable[dict[str, Any]]:
    if job.artifacts == "[]":
        return
    kept_s = job.artifact_ttl_s
    until = None if kept_s is None or job.ended_at is None else job.ended_at + kept_s
    for one in ARTIFACTS.validate_json(job.artifacts):
        url = services.blobs.get_url(one.key, base_url=site, expires_at=until)
        yield {"url": url, **one.model_dump(exclude={"key"})}


def _attempt(record: AttemptRecord) -> dict[str, Any]:
    error = json.loads(record.error) if record.error else None
    return {
        "fence": record.fence,
        "replica": record.owner,
        "started_at": iso(record.started_at),
        "ended_at": iso(record.ended_at),
        "outcome": outcome.ENDS_OF_ATTEMPTS.get(record.outcome, record.outcome),
        "error": error and {"code": error["code"], "message": error["message"], "field": None},
    }


def delivery(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "url": job.webhook,
        "state": state_of(job),
        "tries": job.webhook_tries,
        "due_at": iso(job.webhook_due),
        "ended_at": iso(job.ended_at),
    }


def announce(job: Job, *, output: bytes | None, error: JobError | None) -> dict[str, Any]:
    """What is posted to ``webhook`` when a job ends: where it came from is the caller's to know."""
    said = brief(job, error=error, site="")
    said["output"] = None if output is None else json.loads(output)
    return {"type": f"job.{job.status}", "job": {k: v for k, v in said.items() if k != "url"}}
