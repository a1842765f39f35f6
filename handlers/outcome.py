"""How a job ends for whoever asked for it: the wait, the output, the error. Every dialect's."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Final

from starlette.requests import HTTPConnection, Request

from handlers import sse
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.job import Job, JobError, JobStatus
from pilotlight.errors import AlreadyFinished, Cancelled

ENDS_OF_ATTEMPTS: Final = {
    "T6": "succeeded",
    "T7": "failed, tried again",
    "T8": "failed",
    "T9": "handed back",
    "T10": "lost, queued again",
    "T11": "lost too often",
    "T12": "cancelled",
    "T14": "timed out",
}
"""An attempt's end in words, by the transition that ended it."""
_YES = frozenset({"1", "true", "yes"})


async def ended(request: Request, job: Job) -> Job:
    """The job once it is terminal, or as it is when a call may be held open no longer.

    Nobody but this caller knows its id yet, so it is cancelled when they leave. Raises Cancelled
    then. The body must have been read before.
    """
    services = services_of(request)
    timeout_s = services.settings.ingress.sync_timeout_s
    waiting = asyncio.ensure_future(
        services.control.wait(job.id, caller=job.caller, timeout_s=timeout_s)
    )
    leaving = asyncio.ensure_future(sse.gone(request.receive))
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
    finally:
        for task in (waiting, leaving):
            task.cancel()
    await give_up(services, job)
    raise Cancelled("the caller has left", job_id=job.id)


async def give_up(services: Services, job: Job) -> None:
    """Cancel it, unless it has ended by itself."""
    with contextlib.suppress(AlreadyFinished):
        await ask(services, services.control.cancel, job.id, caller=job.caller)


def error_of(services: Services, job: Job) -> JobError | None:
    """Why a terminal job did not succeed; None while it may, and when it did."""
    if not job.status.is_terminal or job.status is JobStatus.SUCCEEDED:
        return None
    return services.control.error(job)


async def output_of(request: HTTPConnection, job: Job, *, prefix: str = "") -> bytes:
    """JSON bytes; files as URLs below ``prefix``, or inline where the submit asked for it.

    Raises NotFinished.
    """
    services = services_of(request)
    return await ask(
        services,
        services.control.output,
        job,
        base_url=base_url(request, prefix),
        inline=job.options != "{}" and json.loads(job.options).get("sync_mode") is True,
    )


def inline_wish(body: bytes) -> dict[str, Any]:
    """Options for a job whose input says ``sync_mode``: files go back as data URIs.

    Text counts too: an input may come from a query. What is wrong with the body, the submit says.
    """
    if b'"sync_mode"' not in body:
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    value = document.get("sync_mode") if isinstance(document, dict) else None
    if value is True or (isinstance(value, str) and value.strip().lower() in _YES):
        return {"sync_mode": True}
    return {}
