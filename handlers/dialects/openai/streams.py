"""``"stream": true``: what the job says as it goes, as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from handlers import following, sse, standing
from handlers.dialects.openai import errors, replies
from handlers.dialects.openai.errors import REQUEST_ID
from handlers.dialects.openai.operation import Diverged, Document, Narrator, Operation
from handlers.following import Items, Leave
from handlers.services import services_of
from handlers.site import base_url
from pilotlight.contracts.job import Job, JobError
from pilotlight.ports.feed import Entry

DONE = sse.data(b"[DONE]")
_RESTARTED = JobError(
    "stream_diverged", "the model was started again and says something else; ask once more"
)


async def respond(
    request: Request, operation: Operation, job: Job, *, on_leave: Leave, after: int = -1
) -> Response:
    """``on_leave`` is awaited when the caller goes away before the end. Numbered events up to
    ``after`` were read before."""
    assert operation.narrator is not None
    narrator = operation.narrator(replies.told(job))

    def made(items: Items) -> Response:
        frames = _frames(request, items, narrator, after)
        return sse.EventStream(
            frames,
            headers={REQUEST_ID: job.id},
            on_leave=on_leave,
            standing=standing.telling(request, job),
        )

    return await begun(request, job, made, on_leave=on_leave)


async def begun(
    request: Request, job: Job, made: Callable[[Items], Response], *, on_leave: Leave
) -> Response:
    """The reply that ``made`` makes of the job's items, or an error where it fails at once."""
    return await following.begun(request, job, made=made, failed=replies.result, on_leave=on_leave)


async def _frames(
    request: Request, items: Items, narrator: Narrator, after: int
) -> AsyncGenerator[bytes, None]:
    try:
        async with contextlib.aclosing(items):
            async for item in items:
                for event in await _news(request, item, narrator):
                    if event.get("sequence_number", after + 1) <= after:
                        continue
                    told = json.dumps(event, separators=(",", ":")).encode()
                    yield sse.data(told, event=str(event.get("type", "")))
    except Diverged:
        yield _error(_RESTARTED)
    if narrator.done:
        yield DONE


async def _news(request: Request, item: Entry | Job, narrator: Narrator) -> Iterable[Document]:
    if not isinstance(item, Job):
        return list(narrator.partial(_object(item.body)))
    services = services_of(request)
    error = replies.error_of(services, item)
    if error is not None:
        return [errors.body_of(error)[1]]
    operation = replies.operation_of(services, item)
    inline = operation is not None and operation.inline(replies.told(item).options)
    output = await asyncio.to_thread(
        replies.output_of, services, item, site=base_url(request), inline=inline
    )
    return list(narrator.end(output))


def _error(error: JobError) -> bytes:
    return sse.data(json.dumps(errors.body_of(error)[1]).encode())


def _object(text: str) -> Document:
    found: Any = json.loads(text)
    return found if isinstance(found, dict) else {}
