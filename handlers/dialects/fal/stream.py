"""``POST /run/ENDPOINT/stream``: partial outputs as server-sent events, the output as the last."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from handlers import sse
from handlers.dialects.fal import answers, errors
from handlers.services import services_of
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.ports.feed import Entry, FeedKind

PATIENCE_S = 10.0
"""How long the first event may keep the reply's head back. A job that fails within this gets a
proper error reply; later ones can only say it inside the stream."""
_PARTIAL: frozenset[FeedKind] = frozenset({"partial"})


async def respond(
    request: Request, job: Job, *, on_leave: Callable[[], Awaitable[object]]
) -> Response:
    """``on_leave`` is awaited when the caller goes away before the end."""
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
    if first.done() and _has_failed(first.result()):
        await items.aclose()
        return await answers.outcome(request, _job(first.result()))
    return sse.EventStream(
        _frames(request, first, items),
        headers={"x-fal-request-id": job.id},
        on_leave=on_leave,
    )


async def _items(request: Request, job: Job) -> AsyncGenerator[Entry | Job, None]:
    """Partial outputs, then the terminal job."""
    follow = services_of(request).control.follow(job.id, caller=job.caller, kinds=_PARTIAL)
    async with contextlib.aclosing(follow) as items:
        async for item in items:
            if not isinstance(item, Job) or item.status.is_terminal:
                yield item


async def _frames(
    request: Request, first: asyncio.Future[Entry | Job], items: AsyncGenerator[Entry | Job, None]
) -> AsyncGenerator[bytes, None]:
    try:
        item: Entry | Job | None = await first
        while item is not None:
            yield await _frame(request, item)
            item = await anext(items, None)
    finally:
        await _stopped(first)
        await items.aclose()


async def _frame(request: Request, item: Entry | Job) -> bytes:
    if not isinstance(item, Job):
        return sse.data(item.body.encode())
    if _has_failed(item):
        body = errors.body_of(services_of(request).control.error(item))
        content = {**body.content, "error": body.content["message"], "status": body.http_status}
        return sse.data(json.dumps(content).encode(), event="error")
    return sse.data(await answers.output_of(request, item))


def _has_failed(item: Entry | Job) -> bool:
    return isinstance(item, Job) and item.status is not JobStatus.SUCCEEDED


def _job(item: Entry | Job) -> Job:
    assert isinstance(item, Job)
    return item


async def _stopped(task: asyncio.Future[Entry | Job] | asyncio.Future[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
        await task
