"""``POST /run/ENDPOINT/stream``: partial outputs as server-sent events, the output as the last."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator

from starlette.requests import Request
from starlette.responses import Response

from handlers import following, sse, standing
from handlers.dialects.fal import answers, errors
from handlers.following import Items, Leave
from handlers.services import services_of
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.ports.feed import Entry


async def respond(request: Request, job: Job, *, on_leave: Leave) -> Response:
    """``on_leave`` is awaited when the caller goes away before the end."""

    def made(items: Items) -> Response:
        frames, headers = _frames(request, items), {"x-fal-request-id": job.id}
        tells = standing.telling(request, job)
        return sse.EventStream(frames, headers=headers, on_leave=on_leave, standing=tells)

    return await following.begun(request, job, made=made, failed=answers.outcome, on_leave=on_leave)


async def _frames(request: Request, items: Items) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(items):
        async for item in items:
            yield await _frame(request, item)


async def _frame(request: Request, item: Entry | Job) -> bytes:
    if not isinstance(item, Job):
        return sse.data(item.body.encode())
    if item.status is not JobStatus.SUCCEEDED:
        body = errors.body_of(services_of(request).control.error(item))
        content = {**body.content, "error": body.content["message"], "status": body.http_status}
        return sse.data(json.dumps(content).encode(), event="error")
    return sse.data(await answers.output_of(request, item))
