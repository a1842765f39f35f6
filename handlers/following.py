"""The reply to a call that is followed live: partial outputs as they come, then the end.

Every dialect's way to stream begins alike: the head of the reply waits for the first thing to say,
so that a job which fails at once is an error reply, and a caller who leaves takes the job along.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from handlers import sse
from handlers.services import services_of
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.ports.feed import Entry, FeedKind

PATIENCE_S = 10.0
"""How long the first item may keep the reply's head back. A job that fails within this gets a
proper error reply; later ones can only say it inside the stream."""
_PARTIAL: frozenset[FeedKind] = frozenset({"partial"})

Items = AsyncGenerator[Entry | Job, None]
"""Partial outputs, then the terminal job."""
Leave = Callable[[], Awaitable[object]]
"""Awaited when the caller goes away before the end."""


async def left_alone() -> None:
    """A :data:`Leave` of a job that goes on without its reader."""


async def begun(
    request: Request,
    job: Job,
    *,
    made: Callable[[Items], Response],
    failed: Callable[[Request, Job], Awaitable[Response]],
    on_leave: Leave,
) -> Response:
    """The reply that ``made`` makes of the job's items, or ``failed``'s where it fails at once."""
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
            return await failed(request, ended)
    return made(_resumed(first, items))


async def _items(request: Request, job: Job) -> Items:
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


async def _stopped(task: asyncio.Future[Entry | Job] | asyncio.Future[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
        await task
