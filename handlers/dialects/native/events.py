"""``/api/jobs/ID/events``: a job's life as it happens, as server-sent events.

::

    event: status    where it stands, at once and at every change; the last one is the whole job
    event: log       {"message", "level", "at"}
    event: progress  {"fraction", "note", "at"}
    event: partial   an output on its way to the final one

Each event's ``id`` is how far it has come: a client that was cut off says it in ``Last-Event-ID``
(or ``?after=``) and is told what it has not seen. The stream ends after the job.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from handlers import outcome, sse
from handlers.api import bad
from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.native import errors, words
from handlers.moments import iso
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.contracts.job import Job
from pilotlight.ports.feed import Entry, FeedKind

KINDS: Final[frozenset[FeedKind]] = frozenset({"log", "progress", "partial"})
HEADER: Final = "last-event-id"
QUERY: Final = {
    "after": "The id of the last event seen; the header Last-Event-ID says the same.",
    "kinds": f"Of {', '.join(sorted(KINDS))}, divided by commas; all of them unless told.",
}


@speaks(errors.render)
async def events(request: Request) -> Response:
    services, caller = services_of(request), await caller_of(request, "jobs:read")
    after, kinds = _after(request), _kinds(request)
    job = await ask(services, services.control.job, request.path_params["job_id"], caller=caller)
    if request.method == "HEAD":
        return Response(media_type=sse.EventStream.media_type)
    return sse.EventStream(_frames(request, job, after, kinds), headers={})


async def _frames(
    request: Request, job: Job, seq: int, kinds: frozenset[FeedKind]
) -> AsyncGenerator[bytes, None]:
    services = services_of(request)
    follow = services.control.follow(job.id, caller=job.caller, kinds=kinds, after=seq)
    async with contextlib.aclosing(follow) as items:
        async for item in items:
            if isinstance(item, Job):
                said = await ask(services, _status, request, item)
                yield _frame("status", seq, json.dumps(said, separators=(",", ":")))
            else:
                seq = item.seq
                yield _frame(item.kind, seq, _body(item))


def _status(request: Request, job: Job) -> dict[str, Any]:
    if job.status.is_terminal:
        return words.whole(request, job)
    services = services_of(request)
    said = words.brief(job, error=outcome.error_of(services, job), site=base_url(request))
    return {**said, "progress": words.progress(services, job)}


def _body(entry: Entry) -> str:
    if entry.kind == "partial":
        return entry.body
    return json.dumps({**json.loads(entry.body), "at": iso(entry.at)})


def _frame(event: str, seq: int, body: str) -> bytes:
    return f"id: {seq}\n".encode() + sse.data(body.encode(), event=event)


def _after(request: Request) -> int:
    text = request.query_params.get("after") or request.headers.get(HEADER) or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise bad("after", "must be the id of an event", text)
    return int(text)


def _kinds(request: Request) -> frozenset[FeedKind]:
    text = request.query_params.get("kinds")
    if text is None:
        return KINDS
    asked = {word.strip() for word in text.split(",") if word.strip()}
    if asked - KINDS:
        raise bad("kinds", f"must be of {', '.join(sorted(KINDS))}", text)
    return frozenset(kind for kind in KINDS if kind in asked)


ROUTES = (Route(words.JOBS + "/{job_id}/events", events, methods=["GET"]),)
