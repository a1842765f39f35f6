"""A job in OpenAI's words: its result as the call itself would have answered, or where it stands."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handlers import outcome
from handlers.dialects.openai import errors, operations, sending
from handlers.dialects.openai.errors import REQUEST_ID
from handlers.dialects.openai.operation import Document, Operation, Text, TheFile, Told
from handlers.dialects.openai.places import DIALECT_NAME, prefix_of
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts import tags
from pilotlight.contracts.artifact import ARTIFACTS, Artifact
from pilotlight.contracts.job import HELD, Job, JobError, JobStatus
from pilotlight.errors import NotFinished, WorkerError

_WORDS = {
    JobStatus.SUCCEEDED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELLED: "cancelled",
    JobStatus.EXPIRED: "expired",
}


def told(job: Job, output: Document | None = None) -> Told:
    options = json.loads(job.options) if job.origin == DIALECT_NAME else {}
    return Told(job.id, job.endpoint, int(job.created_at), options, output or {})


def operation_of(services: Services, job: Job) -> Operation | None:
    """The one that was called; for a job of another dialect the one that would have been."""
    if job.origin == DIALECT_NAME:
        return operations.NAMED.get(json.loads(job.options).get("op", ""))
    if not services.catalogue.knows(job.endpoint):
        return None
    return operations.for_task(services.catalogue.contract(job.endpoint).task)


def error_of(services: Services, job: Job) -> JobError | None:
    """As :func:`handlers.outcome.error_of`, in the caller's names."""
    error = outcome.error_of(services, job)
    return None if error is None else in_callers_names(job, error)


def in_callers_names(job: Job, error: JobError) -> JobError:
    names = told(job).options.get("names") if error.problems else None
    return errors.in_names_of(names, error) if names else error


def output_of(services: Services, job: Job, *, site: str, inline: bool) -> Document:
    """The model's output; what is no object is put into one."""
    body = services.control.output(job, base_url=site, inline=inline)
    found = json.loads(body)
    return found if isinstance(found, dict) else {"output": found}


def content_of(services: Services, job: Job, *, site: str) -> Document | Text | TheFile:
    """What a finished job answers with. Raises NotFinished."""
    operation = operation_of(services, job)
    if operation is None:
        return output_of(services, job, site=site, inline=False)
    inline = operation.inline(told(job).options)
    return operation.answer(told(job, output_of(services, job, site=site, inline=inline)))


async def result(request: Request, job: Job) -> Response:
    """As the call would have answered, a failure included. Raises NotFinished."""
    services = services_of(request)
    if not job.status.is_terminal:
        raise NotFinished("the request is still in progress", job_id=job.id)
    error = error_of(services, job)
    if error is not None:
        return errors.respond(error, request_id=job.id)
    site = base_url(request)
    # Pictures inline are megabytes to read: not on the event loop.
    at_once = job.artifacts == "[]" and not services.store.remote
    if at_once:
        content = content_of(services, job, site=site)
    else:
        content = await asyncio.to_thread(content_of, services, job, site=site)
    if isinstance(content, TheFile):
        return await _bytes(services, job, content)
    headers = {REQUEST_ID: job.id}
    if isinstance(content, Text):
        return Response(content.text, headers=headers, media_type=content.content_type)
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return Response(body, headers=headers, media_type="application/json")


def first_file(job: Job) -> Artifact:
    """Raises WorkerError when the job made none."""
    artifacts = ARTIFACTS.validate_json(job.artifacts)
    if not artifacts:
        raise WorkerError("the worker gave no file back", job_id=job.id)
    return artifacts[0]


async def _bytes(services: Services, job: Job, wanted: TheFile) -> Response:
    artifact = first_file(job)
    if elsewhere := await sending.past_us(services, artifact.key, size=artifact.size):
        return elsewhere
    file = await asyncio.to_thread(services.blobs.open, artifact.key)
    kind = artifact.content_type
    if kind == "application/octet-stream":
        kind = wanted.content_type
    return sending.reply(file, size=artifact.size, content_type=kind, headers={REQUEST_ID: job.id})


def accepted(request: Request, job: Job) -> Response:
    """It is in the queue, and here is where to ask for it."""
    operation = operation_of(services_of(request), job)
    if operation is not None and operation.pending is not None:
        said = operation.pending(told(job), word(job))
        return JSONResponse(said, headers={REQUEST_ID: job.id})
    return JSONResponse(state(request, job), 202, headers={REQUEST_ID: job.id})


def state(request: Request, job: Job) -> dict[str, Any]:
    """``status`` in the words of OpenAI's own background work."""
    services = services_of(request)
    place = f"{base_url(request)}{prefix_of(request.url.path)}/requests/{job.id}"
    operation = operation_of(services, job)
    error = error_of(services, job)
    return {
        "id": job.id,
        "object": "request",
        "request_id": job.id,
        "status": word(job),
        "model": job.endpoint,
        "endpoint": None if operation is None else operation.url,
        "progress": 1.0 if job.status is JobStatus.SUCCEEDED else round(job.progress, 4),
        "created_at": int(job.created_at),
        "started_at": _whole(job.started_at),
        "ended_at": _whole(job.ended_at),
        "metadata": dict(tags.read(job.tags)),
        "error": None if error is None else errors.body_of(error)[1]["error"],
        "status_url": place,
        "response_url": place + "/response",
        "cancel_url": place + "/cancel",
    }


def word(job: Job) -> str:
    if job.status in HELD:
        return "in_progress"
    return _WORDS.get(job.status, "queued")


def _whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


async def job_of(request: Request, caller: str) -> Job:
    services = services_of(request)
    return await ask(services, services.control.job, request.path_params["id"], caller=caller)
