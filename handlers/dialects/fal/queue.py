"""``queue.fal.run``: submit, look, read, cancel."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from handlers import sse
from handlers.auth import caller_of
from handlers.bodies import whole
from handlers.dialect import speaks
from handlers.dialects.fal import answers, errors, history, paths, tokens, wishes, words
from handlers.dialects.fal.errors import WrongMethod
from handlers.dialects.fal.wishes import QUEUE
from handlers.outcome import error_of
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.job import READY, Job
from pilotlight.errors import NotFound
from pilotlight.ports.feed import Entry, FeedKind

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_READ = frozenset({"GET", "HEAD"})
_STREAM = "status/stream"
_VIEWS = frozenset({"", "response", "status", _STREAM})
_LOG_PAGE = 1000
MOST_LOGS = 20_000
"""A status answer never holds more lines; the newest are dropped."""


@speaks(errors.render)
async def queue(request: Request) -> Response:
    """Everything below ``/queue``: what a path means depends on where its ``requests`` stands."""
    address = paths.address_of(request.path_params["path"])
    if address is None:
        return await _submit(request)
    if address.verb == _STREAM and tokens.PARAMETER in request.query_params:
        return await _followed_by_a_page(request, address.request_id)
    caller = await caller_of(request, "jobs:cancel" if address.verb == "cancel" else "jobs:read")
    if address.verb == "cancel":
        _only(request, {"PUT", "POST"})
        return await _cancel(request, caller, address.request_id)
    if address.verb not in _VIEWS:
        raise NotFound(f"a request has no {address.verb}; there is status, response and cancel")
    _only(request, _READ)
    services = services_of(request)
    job = await ask(services, services.control.job, address.request_id, caller=caller)
    if address.verb == "status":
        return await _status(request, await services.control.glance(job))
    if address.verb == _STREAM:
        return _follow(request, job)
    return await answers.outcome(request, job)


async def _submit(request: Request) -> Response:
    services, path = services_of(request), request.path_params["path"]
    caller = await caller_of(request, "jobs:write")
    if request.method in _READ:
        raise NotFound(f"there is no request at {path}; submit with POST")
    _only(request, {"POST", "PUT", "PATCH"})
    target = paths.target_of(path, services.catalogue)
    body = await whole(request, max_bytes=services.settings.ingress.max_body_bytes)
    job = await services.submit(wishes.submission(request, caller, target, body))
    waits = job.status in READY
    position = await ask(services, services.store.ahead_of, job) if waits else 0
    said: dict[str, Any] = words.urls(job, base_url(request, QUEUE))
    if job.webhook is not None:
        said["gateway_request_id"] = job.id  # as the webhook will name it
    return answers.reply(
        {**said, "queue_position": position, "status": words.word(job)}, request_id=job.id
    )


async def _cancel(request: Request, caller: str, request_id: str) -> Response:
    services = services_of(request)
    await ask(services, services.control.cancel, request_id, caller=caller)
    said = {"status": "CANCELLATION_REQUESTED", "success": True}
    return answers.reply(said, request_id=request_id, http_status=202)


async def _status(request: Request, job: Job) -> Response:
    services = services_of(request)
    said = await ask(services, _said, request, job, logs=_wants_logs(request))
    if wishes.yes(request.query_params.get("attempts")):
        said["attempts"] = history.items(await ask(services, services.store.attempts_of, job.id))
    # 202 until it is over: what live fal answers; every client takes any 2xx.
    code = 200 if job.status.is_terminal else 202
    return answers.reply(said, request_id=job.id, http_status=code)


def _said(request: Request, job: Job, *, logs: bool) -> dict[str, Any]:
    services = services_of(request)
    return words.status(
        services.control.view(job),
        queue_url=base_url(request, QUEUE),
        logs=words.log_items(_all_logs(services, job.id)) if logs else None,
        error=error_of(services, job),
    )


def _all_logs(services: Services, job_id: str) -> list[Entry]:
    entries: list[Entry] = []
    while len(entries) < MOST_LOGS:
        after = entries[-1].seq if entries else 0
        page = services.feed.read(job_id, after=after, limit=_LOG_PAGE, kind="log")
        entries += page
        if len(page) < _LOG_PAGE:
            break
    return entries


async def _followed_by_a_page(request: Request, request_id: str) -> Response:
    """With a token for the app in the URL, as the JavaScript client asks with its connection mode
    ``client``. It is good for that app's requests alone. Raises Unauthenticated."""
    _only(request, _READ)
    services, token = services_of(request), request.query_params[tokens.PARAMETER]
    caller = tokens.caller_for(services, token, request.path_params["path"].strip("/"))
    job = await ask(services, services.control.job, request_id, caller=caller)
    tokens.verified(services, token, job.endpoint)
    return _follow(request, job)


def _follow(request: Request, job: Job) -> Response:
    headers = {"x-fal-request-id": job.id}
    if request.method == "HEAD":  # nobody reads what would be said until the end
        return Response(headers=headers, media_type=sse.EventStream.media_type)
    return sse.EventStream(_statuses(request, job), headers=headers)


async def _statuses(request: Request, job: Job) -> AsyncGenerator[bytes, None]:
    """A status now and at every change; each log line once. Ends after ``COMPLETED``.

    The JavaScript client adds the lines up itself and takes the end of the stream for the end of
    the work.
    """
    services, wants_logs = services_of(request), _wants_logs(request)
    kinds: frozenset[FeedKind] = frozenset({"log"}) if wants_logs else frozenset()
    news: list[Entry] = []
    follow = services.control.follow(job.id, caller=job.caller, kinds=kinds)
    async with contextlib.aclosing(follow) as items:
        async for item in items:
            if isinstance(item, Job):
                job = item
            else:
                news.append(item)
                if job.status.is_terminal:
                    continue  # its lines go with it, in one event
            said = await ask(services, _said, request, job, logs=False)
            said["logs"] = words.log_items(news)
            news.clear()
            yield sse.data(json.dumps(said, separators=(",", ":")).encode())


def _wants_logs(request: Request) -> bool:
    return wishes.yes(request.query_params.get("logs"))


def _only(request: Request, methods: set[str] | frozenset[str]) -> None:
    if request.method not in methods:
        allowed = ", ".join(sorted(methods))
        raise WrongMethod(f"{request.method} means nothing here; use {allowed}", allow=allowed)


ROUTES = [Route(QUEUE + "/{path:path}", queue, methods=METHODS)]
