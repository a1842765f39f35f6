"""``/files``: what a caller keeps here, such as the lines of a batch.

Wire facts: https://platform.openai.com/docs/api-reference/files.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.openai import errors, forms, sending
from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.forms import Form
from handlers.dialects.openai.lists import limit_of, listed
from handlers.dialects.openai.places import at
from handlers.services import ask, services_of
from pilotlight.ports.files import FileRecord

PURPOSES: Final = frozenset({"assistants", "batch", "fine-tune", "vision", "user_data", "evals"})
_NEAREST_S, _FARTHEST_S = 3600, 30 * 24 * 3600
"""OpenAI's limits of ``expires_after[seconds]``."""
_MOST_LISTED: Final = 10_000
_FORM_BYTES: Final = 64 * 1024
"""What a form adds to the file in it."""


@speaks(errors.render)
async def upload(request: Request) -> Response:
    """``purpose`` and ``file`` as a form; the file goes to disk as it arrives."""
    services = services_of(request)
    caller = await caller_of(request, "jobs:write")
    limit = services.settings.ingress.max_upload_bytes
    if not forms.is_form(request):
        raise WrongUse("send a multipart form with a file and its purpose", param="file")
    async with forms.form_of(request, max_bytes=limit + _FORM_BYTES) as form:
        purpose = _purpose(form)
        if len(form.files.get("file", ())) != 1:
            raise WrongUse("send one file, in the field `file`", param="file")
        (file,) = form.files["file"]
        lives_s = _lifetime_s(form)
        record = await asyncio.to_thread(
            services.files.keep,
            iter(lambda: file.file.read(sending.CHUNK_BYTES), b""),
            caller=caller,
            name=(file.filename or "file")[-255:],
            purpose=purpose,
            content_type=file.content_type or "application/octet-stream",
            expires_at=None if lives_s is None else services.clock.now() + lives_s,
            max_bytes=limit,
        )
    return _reply(describe(record))


@speaks(errors.render)
async def listing(request: Request) -> Response:
    """``limit``, ``after``, ``order`` and ``purpose`` as OpenAI has them."""
    services, query = services_of(request), request.query_params
    caller = await caller_of(request, "jobs:read")
    limit = limit_of(query.get("limit"), usual=_MOST_LISTED, most=_MOST_LISTED)
    order = query.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise WrongUse("order is asc or desc", param="order")
    found = await ask(
        services,
        services.files.list_files,
        caller=caller,
        purpose=query.get("purpose"),
        after=query.get("after"),
        limit=limit + 1,
        newest_first=order == "desc",
    )
    shown = [describe(record) for record in found[:limit]]
    return _reply(listed(shown, more=len(found) > limit))


@speaks(errors.render)
async def retrieve(request: Request) -> Response:
    services = services_of(request)
    caller = await caller_of(request, "jobs:read")
    record = await ask(services, services.files.find, request.path_params["id"], caller=caller)
    return _reply(describe(record))


@speaks(errors.render)
async def content(request: Request) -> Response:
    services, file_id = services_of(request), request.path_params["id"]
    caller = await caller_of(request, "jobs:read")
    record = await ask(services, services.files.find, file_id, caller=caller)
    if elsewhere := await sending.past_us(services, record.key, size=record.size):
        return elsewhere
    file = await asyncio.to_thread(services.files.open, file_id, caller=caller)
    return sending.reply(file, size=record.size, content_type=record.content_type)


@speaks(errors.render)
async def delete(request: Request) -> Response:
    services, file_id = services_of(request), request.path_params["id"]
    caller = await caller_of(request, "jobs:write")
    await ask(services, services.files.delete, file_id, caller=caller)
    return _reply({"id": file_id, "object": "file", "deleted": True})


def describe(record: FileRecord) -> dict[str, Any]:
    """A file as OpenAI's object."""
    return {
        "id": record.id,
        "object": "file",
        "bytes": record.size,
        "created_at": int(record.created_at),
        "expires_at": None if record.expires_at is None else int(record.expires_at),
        "filename": record.name,
        "purpose": record.purpose,
        "status": "processed",
        "status_details": None,
    }


def _reply(content: dict[str, Any]) -> Response:
    return JSONResponse(content)


def _purpose(form: Form) -> str:
    purpose = form.fields.get("purpose")
    if not isinstance(purpose, str) or purpose not in PURPOSES:
        known = ", ".join(sorted(PURPOSES))
        raise WrongUse(f"purpose is one of {known}", param="purpose")
    return str(purpose)


def _lifetime_s(form: Form) -> int | None:
    wanted = form.fields.get("expires_after")
    if wanted is None:
        return None
    seconds = wanted.get("seconds") if isinstance(wanted, dict) else None
    if not (isinstance(seconds, str) and seconds.isascii() and seconds.isdigit()):
        raise WrongUse("expires_after[seconds] is a whole number", param="expires_after.seconds")
    if not _NEAREST_S <= int(seconds[:12]) <= _FARTHEST_S:
        raise WrongUse(
            f"expires_after[seconds] is from {_NEAREST_S} to {_FARTHEST_S}",
            param="expires_after.seconds",
        )
    return int(seconds)


ROUTES = (
    *at("/files", upload, "POST"),
    *at("/files", listing, "GET"),
    *at("/files/{id}/content", content, "GET"),
    *at("/files/{id}", retrieve, "GET"),
    *at("/files/{id}", delete, "DELETE"),
)
