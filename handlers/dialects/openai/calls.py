"""A call of any operation: read it, make it a job, and answer in the way that was asked for."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from handlers import outcome
from handlers.auth import caller_of
from handlers.bodies import whole
from handlers.dialect import Endpoint, speaks
from handlers.dialects.openai import errors, forms, live, models, replies, streams, uploads
from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.operation import Document, Operation, Way, yes
from handlers.dialects.openai.places import DIALECT_NAME, at
from handlers.following import Leave, left_alone
from handlers.receiver import receiver
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.bootstrap.ingress import Services
from pilotlight.catalogue import Catalogue, Served
from pilotlight.contracts.job import LOW_PRIORITY, NORMAL_PRIORITY, Job
from pilotlight.contracts.tags import MAX_KEY_CHARACTERS, MAX_VALUE_CHARACTERS, MOST_TAGS, Tag
from pilotlight.errors import InvalidInput, MalformedBody, RunTimeout
from pilotlight.intake import strict
from pilotlight.intake.submission import Submission

_OURS = ("async", "webhook")
"""Fields that no worker sees: this request's manners, not the model's input."""


class Prepared(NamedTuple):
    """A call that is understood. ``submission`` lacks nothing."""

    submission: Submission
    names: Mapping[str, str]
    """The caller's names of the contract's fields."""
    way: Way
    later: bool
    """The caller wants a request id at once."""
    stays: bool = False
    """It goes on when its caller hangs up."""


def prepared(
    catalogue: Catalogue,
    operation: Operation,
    document: Document,
    *,
    caller: str,
    site: str,
    idempotency_key: str | None = None,
) -> Prepared:
    """Raises UnknownEndpoint, and WrongUse and InvalidInput that name the field."""
    manners = {name: document[name] for name in _OURS if name in document}
    asked = {name: value for name, value in document.items() if name not in _OURS}
    asked = {name: value for name, value in asked.items() if value is not None}
    served = models.target_of(catalogue, operation, asked.get("model"))
    asked["model"] = served.endpoint.id
    later, way = yes(manners.get("async")), operation.way(asked, served)
    stays = operation.pending is not None and yes(asked.get("background"))
    later = later or (stays and way == "whole")
    if later or (way == "events" and operation.narrator is None):
        asked.pop("stream", None)
        way = "whole"
    wish = operation.translate(asked, served)
    names = {"names": dict(wish.names)} if wish.names else {}
    submission = Submission(
        caller=caller,
        endpoint=served.endpoint.id,
        body=json.dumps(_fit(wish.body, served), ensure_ascii=False).encode(),
        origin=DIALECT_NAME,
        options={"op": operation.name, **names, **wish.options},
        tags=_tags(asked.get("metadata")),
        base_url=site,
        priority=LOW_PRIORITY if asked.get("service_tier") == "flex" else NORMAL_PRIORITY,
        webhook=_webhook(manners.get("webhook")),
        idempotency_key=idempotency_key,
        streaming=way != "whole",
    )
    return Prepared(submission, wish.names, way, later, stays)


async def submitted(services: Services, call: Prepared) -> Job:
    """Raises what intake raises, in the caller's names."""
    with in_callers_names(call.names):
        return await services.submit(call.submission)


def route(operation: Operation) -> list[BaseRoute]:
    return [*at(operation.path, _endpoint(operation), "POST", prefixes=operation.prefixes)]


def _endpoint(operation: Operation) -> Endpoint:
    @speaks(errors.render)
    async def call(request: Request) -> Response:
        services = services_of(request)
        caller = await caller_of(request, "jobs:write")
        async with _read(request, operation, caller) as document:
            asked = prepared(
                services.catalogue,
                operation,
                document,
                caller=caller,
                site=base_url(request),
                idempotency_key=request.headers.get("idempotency-key"),
            )
            job = await submitted(services, asked)
        return await _answered(request, operation, job, asked)

    return call if operation.refusal is None else _reworded(call, operation.refusal)


def _reworded(call: Endpoint, refusal: Callable[[Document], Document]) -> Endpoint:
    @functools.wraps(call)
    async def answer(request: Request) -> Response:
        response = await call(request)
        if response.status_code >= 400:
            response.body = json.dumps(refusal(json.loads(bytes(response.body)))).encode()
            response.headers["content-length"] = str(len(response.body))
        return response

    return answer


async def _answered(request: Request, operation: Operation, job: Job, asked: Prepared) -> Response:
    services = services_of(request)
    if asked.later:
        return replies.accepted(request, job)
    on_leave: Leave = functools.partial(outcome.give_up, services, job)
    if asked.stays:
        on_leave = left_alone
    if asked.way == "events":
        return await streams.respond(request, operation, job, on_leave=on_leave)
    if asked.way == "bytes":
        return await live.respond(request, operation, job, on_leave=on_leave)
    job = await outcome.ended(request, job)
    if not job.status.is_terminal:
        await outcome.give_up(services, job)
        raise RunTimeout(
            f"no result within {services.settings.ingress.sync_timeout_s:g} s; "
            'send "async": true and ask for the result later',
            job_id=job.id,
        )
    return await replies.result(request, job)


@contextlib.asynccontextmanager
async def _read(request: Request, operation: Operation, caller: str) -> AsyncIterator[Document]:
    if forms.is_form(request) and operation.media:
        limit = services_of(request).settings.ingress.max_upload_bytes
        async with forms.form_of(request, max_bytes=limit) as form:
            yield await asyncio.to_thread(uploads.document_of, request, operation, form, caller)
        return
    document = await document_in(request)
    if operation.continued is not None:
        services, site = services_of(request), base_url(request)
        go_on = functools.partial(operation.continued, site=site)
        document = await ask(services, go_on, services, document, caller)
    yield document


async def document_in(request: Request) -> Document:
    """The body as an object. Raises MalformedBody, BodyTooLarge."""
    limit = services_of(request).settings.ingress.max_body_bytes
    return document_of(await whole(request, max_bytes=limit))


def document_of(body: bytes) -> Document:
    """JSON text as an object. Raises MalformedBody, for half a surrogate pair too."""
    strict.check(body)
    found = json.loads(body)
    if b"\\ud" in body.lower():
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise MalformedBody("the body holds half a surrogate pair, which is no text") from None
    if not isinstance(found, dict):
        raise errors.not_json()
    return found


def _fit(body: Document, served: Served) -> Document:
    """Without what the contract forbids: a client's newer fields must not break a call."""
    model = served.endpoint.input
    if model.model_config.get("extra") != "forbid":
        return body
    known = {info.alias or name for name, info in model.model_fields.items()}
    return {name: value for name, value in body.items() if name in known}


def _tags(metadata: Any) -> tuple[Tag, ...]:
    """What callers hang on a call, to find its job by; what is no tag still reaches the worker."""
    pairs = metadata.items() if isinstance(metadata, dict) else ()
    found = [
        Tag(key, value)
        for key, value in pairs
        if isinstance(value, str)
        and 0 < len(key) <= MAX_KEY_CHARACTERS
        and len(value) <= MAX_VALUE_CHARACTERS
    ]
    return tuple(found[:MOST_TAGS])


def _webhook(url: Any) -> str | None:
    if not isinstance(url, str | None):
        raise WrongUse("webhook is a URL", param="webhook")
    return receiver(url, "body", "webhook")


@contextlib.contextmanager
def in_callers_names(names: Mapping[str, str]) -> Iterator[None]:
    """``body.image_size: ...`` becomes ``body.size: ...``."""
    try:
        yield
    except InvalidInput as error:
        if not names or not error.problems:
            raise
        problems = tuple(errors.renamed(problem, names) for problem in error.problems)
        first = problems[0]
        where = ".".join(str(part) for part in first.loc)
        raise type(error)(f"{where}: {first.message}", *problems, **error.details) from None
