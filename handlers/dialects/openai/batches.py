"""``/batches``: many calls in a file, at low priority, within a day.

Beside OpenAI's fields a batch takes ``webhook``. Wire facts:
https://platform.openai.com/docs/api-reference/batch.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import uuid
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.openai import errors, operations
from handlers.dialects.openai.batch_lines import RUN
from handlers.dialects.openai.batch_words import described
from handlers.dialects.openai.calls import document_in
from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.lists import limit_of, listed
from handlers.dialects.openai.operation import Document
from handlers.dialects.openai.places import DIALECT_NAME, at
from handlers.receiver import receiver
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.job import LOW_PRIORITY, Job, JobStatus
from pilotlight.contracts.pages import Place, Wanted
from pilotlight.errors import AlreadyFinished, NotFound, UnknownFile
from pilotlight.intake.groups.batches.ticket import ENDPOINT, KIND, MOST_BYTES, Ticket
from pilotlight.intake.groups.opening import Opening

_WINDOW: Final = re.compile(r"([1-9]\d{0,2})([hd])", re.ASCII)
"""OpenAI takes ``24h`` alone; any number of hours or days, 14 days at most, is taken here."""
_SECONDS: Final = {"h": 3600, "d": 86_400}
_LONGEST_S: Final = 14 * 86_400
_NEAREST_S, _FARTHEST_S = 3600, 30 * 86_400
"""OpenAI's limits of ``output_expires_after.seconds``."""
_MOST_PAIRS, _MOST_NAME, _MOST_TEXT = 16, 64, 512
"""OpenAI's limits of ``metadata``."""
_MOST_LISTED, _USUALLY_LISTED = 100, 20
_TAKEN: Final = frozenset(
    {
        "input_file_id",
        "endpoint",
        "completion_window",
        "metadata",
        "output_expires_after",
        "webhook",
    }
)


class UnknownBatch(NotFound):
    code = "batch_not_found"


@speaks(errors.render)
async def create(request: Request) -> Response:
    """The batch, ``validating``: its lines are looked at before any of them runs."""
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    document = await document_in(request)
    opening = await ask(services, _opening, request, document, caller)
    # The last thing an open does is a disk sync.
    head = await asyncio.to_thread(services.groups.open, opening)
    return JSONResponse(await ask(services, described, services, head))


def _opening(request: Request, document: Document, caller: str) -> Opening:
    """Raises WrongUse and UnknownFile that name the field."""
    services = services_of(request)
    for name in document.keys() - _TAKEN:
        raise WrongUse(f"unknown parameter {name[:100]!r}", param=name[:100])
    url, given_file = document.get("endpoint"), document.get("input_file_id")
    if not (isinstance(url, str) and _is_served(services, url)):
        paths = ", ".join(one.url for one in operations.ALL)
        raise WrongUse(f"endpoint is one of {paths}, or {RUN}ENDPOINT", param="endpoint")
    window_s = _window_s(document.get("completion_window"))
    given = {
        "url": url,
        "caller": caller,
        "site": base_url(request),
        "file": given_file,
        "window": document["completion_window"],
        "metadata": _metadata(document.get("metadata")),
        "output_keep_s": _output_keep_s(document.get("output_expires_after")),
    }
    webhook = document.get("webhook")
    if not isinstance(webhook, str | None):
        raise WrongUse("webhook is a URL", param="webhook")
    key = request.headers.get("idempotency-key")
    return Opening(
        caller=caller,
        kind=KIND,
        origin=DIALECT_NAME,
        text=Ticket(file=_file_key(services, given_file, caller), given=given).text(),
        priority=LOW_PRIORITY,
        webhook=receiver(webhook, "body", "webhook"),
        expires_s=window_s,
        idempotency_key=key,
        body_sha256=None if key is None else _digest(document),
    )


def _digest(document: Document) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _is_served(services: Services, url: str) -> bool:
    if url.startswith(RUN):
        return services.catalogue.knows(url.removeprefix(RUN))
    return operations.for_path(url) is not None


def _file_key(services: Services, own_id: object, caller: str) -> str:
    if not isinstance(own_id, str):
        raise WrongUse("input_file_id is the id of a file of yours", param="input_file_id")
    try:
        record = services.files.find(own_id, caller=caller)
    except UnknownFile:
        said = f"there is no file {own_id[:100]}; POST it to /v1/files with the purpose batch"
        raise WrongUse(said, param="input_file_id") from None
    if record.purpose != "batch":
        said = f"the purpose of this file is {record.purpose}, not batch"
        raise WrongUse(said, param="input_file_id")
    if record.size > MOST_BYTES:
        raise WrongUse(f"a batch's file has at most {MOST_BYTES} bytes", param="input_file_id")
    return record.key


def _window_s(text: object) -> int:
    found = _WINDOW.fullmatch(text) if isinstance(text, str) else None
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= _LONGEST_S:
        raise WrongUse(
            "completion_window is 24h, 1h to 336h or 1d to 14d", param="completion_window"
        )
    return seconds


def _metadata(given: object) -> dict[str, str] | None:
    if given is None:
        return None
    pairs = given.items() if isinstance(given, dict) else ()
    good = isinstance(given, dict) and len(given) <= _MOST_PAIRS
    for name, text in pairs:
        good = good and len(name) <= _MOST_NAME and isinstance(text, str)
        good = good and len(text) <= _MOST_TEXT
    if not good:
        said = f"metadata is at most {_MOST_PAIRS} pairs of texts"
        raise WrongUse(f"{said} of {_MOST_NAME} and {_MOST_TEXT} characters", param="metadata")
    return dict(pairs)


def _output_keep_s(given: object) -> int | None:
    if given is None:
        return None
    match given:
        case {"anchor": "created_at", "seconds": int(seconds)} if (
            _NEAREST_S <= seconds <= _FARTHEST_S
        ):
            return seconds
    said = f"is the anchor created_at and seconds from {_NEAREST_S} to {_FARTHEST_S}"
    raise WrongUse(f"output_expires_after {said}", param="output_expires_after")


@speaks(errors.render)
async def retrieve(request: Request) -> Response:
    services, head = services_of(request), await _own(request, "jobs:read")
    return JSONResponse(await ask(services, described, services, head))


@speaks(errors.render)
async def cancel(request: Request) -> Response:
    """``cancelling`` until every line is over; what was done by then is in the files."""
    services, head = services_of(request), await _own(request, "jobs:cancel")
    if head.status is not JobStatus.CANCELLED:
        try:
            head = await ask(services, services.control.cancel, head.id, caller=head.caller)
        except AlreadyFinished:
            over = await ask(services, services.store.get, head.id) or head
            word = (await ask(services, described, services, over))["status"]
            raise WrongUse(f"this batch is {word} and cannot be cancelled") from None
    services.steward.kick()
    return JSONResponse(await ask(services, described, services, head))


@speaks(errors.render)
async def listing(request: Request) -> Response:
    """Newest first; ``after`` and ``limit`` as OpenAI has them."""
    services, caller = services_of(request), await caller_of(request, "jobs:read")
    limit = limit_of(request.query_params.get("limit"), usual=_USUALLY_LISTED, most=_MOST_LISTED)
    after = request.query_params.get("after")
    found, more = await ask(services, _found, services, caller, after, limit)
    shown = [await ask(services, described, services, head) for head in found]
    return JSONResponse(listed(shown, more=more))


def _found(
    services: Services, caller: str, after: str | None, limit: int
) -> tuple[list[Job], bool]:
    place = None
    if after is not None:
        before = _find(services, after, caller)
        place = Place(before.created_at, before.id)
    found: list[Job] = []
    while True:
        wanted = Wanted(endpoint=ENDPOINT)
        page = services.store.page(wanted, caller=caller, after=place, limit=limit + 1)
        found += [head for head in page.jobs if head.origin == DIALECT_NAME]
        place = page.end
        if place is None or len(found) > limit:
            return found[:limit], len(found) > limit


async def _own(request: Request, scope: Any) -> Job:
    services, caller = services_of(request), await caller_of(request, scope)
    return await ask(services, _find, services, request.path_params["id"], caller)


def _find(services: Services, own_id: str, caller: str) -> Job:
    """Raises UnknownBatch, for another caller's too."""
    head = None
    if own_id.startswith("batch_"):
        try:
            head = services.store.get(str(uuid.UUID(own_id.removeprefix("batch_"))))
        except ValueError:
            head = None
    if head is None or (head.caller, head.endpoint) != (caller, ENDPOINT):
        raise UnknownBatch(f"no batch found with the id {own_id[:100]!r}")
    return head


ROUTES = (
    *at("/batches", create, "POST"),
    *at("/batches", listing, "GET"),
    *at("/batches/{id}", retrieve, "GET"),
    *at("/batches/{id}/cancel", cancel, "POST"),
)
