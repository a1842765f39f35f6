"""``"stream": true``: what the job says as it goes, as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from handlers import sse
from handlers.dialects.openai import errors, replies
from handlers.dialects.openai.errors import REQUEST_ID
from handlers.dialects.openai.operation import Diverged, Document, Narrator, Operation
from handlers.outcome import error_of
from handlers.services import services_of
from handlers.site import base_url
from pilotlight.contracts.job import Job, JobError, JobStatus
from pilotlight.ports.feed import Entry, FeedKind

PATIENCE_S = 10.0
"""How long the first word may keep the reply's head back. A job that fails within this gets a
proper error reply; later ones can only say it inside the stream."""
DONE = sse.data(b"[DONE]")
_PARTIAL: frozenset[FeedKind] = frozenset({"partial"})
_RESTARTED = JobError(
    "stream_diverged", "the model was started again and says something else; ask once more"
)

Items = AsyncGenerator[Entry | Job, None]
Leave = Callable[[], Awaitable[object]]


async def respond(request: Request, operation: Operation, job: Job, *, on_leave: Leave) -> Response:
    """``on_leave`` is awaited when the caller goes away before the end."""
    assert operation.narrator is not None
    narrator = operation.narrator(replies.told(job))

    def made(items: Items) -> Response:
        frames = _frames(request, items, narrator)
        return sse.EventStream(frames, headers={REQUEST_ID: job.id}, on_leave=on_leave)

    return await begun(request, job, made, on_leave=on_leave)


async def begun(
    request: Request, job: Job, made: Callable[[Items], Response], *, on_leave: Leave
) -> Response:
    """The reply that ``made`` makes of the job's items, or an error where it fails at once."""
    items = _items(request, job)
    first = asyncio.ensure_future(anext(items))
    leaving = asyncio.ensure_future(sse.gone(request.receive))
    await asyncio.wait((first, leaving), timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    if leaving.done():
        await _stopped(first)
        await items.aclose()
        await on_leave()
        return Response(status_code=499)
    await _stopped(leaving)
    if first.done():
        ended = first.result()
        if isinstance(ended, Job) and ended.status is not JobStatus.SUCCEEDED:
            await items.aclose()
            return await replies.result(request, ended)
    return made(_resumed(first, items))


async def _items(request: Request, job: Job) -> Items:
    """Partial outputs, then the terminal job."""
    follow = services_of(request).control.follow(job.id, caller=job.caller, kinds=_PARTIAL)
    async with contextlib.aclosing(follow) as items:
        async for item in items:
            if not isinstance(item, Job) or item.status.is_terminal:
                yield item


async def _resumed(first: asyncio.Future[Entry | Job], items: Items) -> Items:
    try:
        item: Entry | Job | None = await first
        while item is not None:
            yield item
            item = await anext(items, None)
    finally:
        await _stopped(first)
        await items.aclose()


async def _frames(
    request: Request, items: Items, narrator: Narrator
) -> AsyncGenerator[bytes, None]:
    try:
        async with contextlib.aclosing(items):
            async for item in items:
                for event in await _news(request, item, narrator):
                    yield sse.data(json.dumps(event, separators=(",", ":")).encode())
    except Diverged:
        yield _error(_RESTARTED)
    if narrator.done:
        yield DONE


async def _news(request: Request, item: Entry | Job, narrator: Narrator) -> Iterable[Document]:
    if not isinstance(item, Job):
        return list(narrator.partial(_object(item.body)))
    services = services_of(request)
    error = error_of(services, item)
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


async def _stopped(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
        await task
