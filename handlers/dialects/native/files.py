"""``/api/files``: files of one's own, and URLs to them that need no key.

::

    POST   /api/files?name=a.png     the bytes as the body
    POST   /api/files/uploads        a URL to PUT the bytes to, for a program that has no key
    GET    /api/files                a page of them
    GET    /api/files/ID             one, with a fresh URL
    DELETE /api/files/ID
"""

from __future__ import annotations

import functools
import uuid
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers import api, envelope
from handlers.auth import caller_of
from handlers.bodies import streamed
from handlers.dialect import speaks
from handlers.dialects.native import errors, listing
from handlers.dialects.native.wishes import UploadWish
from handlers.files import content_type_of
from handlers.moments import iso
from handlers.names import file_name
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.ports.files import FileRecord

PATH: Final = "/api/files"
PURPOSE: Final = "input"
UPLOAD_S: Final = 15 * 60.0
"""How long an upload may begin after its URL was asked for."""
NAME: Final = {
    "name": "The file's name.",
    "expires_in_s": "How long the file is kept; until it is deleted unless told.",
}
LENDING: Final = {"expires_in_s": "How long the URL is good; as long as the file unless told."}
_LONGEST_S: Final = 366 * 24 * 3600.0
_NAMELESS: Final = "upload.bin"


@speaks(errors.render)
async def upload(request: Request) -> Response:
    """The bytes go to disk as they arrive."""
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    listing.known(request.query_params, NAME)
    lives_s = _length(request)
    keep = functools.partial(
        services.files.keep,
        caller=caller,
        name=file_name(request.query_params.get("name", "")) or _NAMELESS,
        purpose=PURPOSE,
        content_type=content_type_of(request),
        expires_at=None if lives_s is None else services.clock.now() + lives_s,
        max_bytes=services.settings.ingress.max_upload_bytes,
    )
    record = await streamed(request, keep, services.settings.ingress.max_upload_bytes)
    return JSONResponse(_shape(request, record), 201)


@speaks(errors.render)
async def announce(request: Request) -> Response:
    """A place for one file, to be brought without a key."""
    services = services_of(request)
    await caller_of(request, "jobs:write")
    wish = await envelope.opened(request, UploadWish)
    now, site = services.clock.now(), base_url(request)
    until = None if wish.expires_in_s is None else now + wish.expires_in_s
    key = f"uploads/native/{uuid.uuid4().hex}/{file_name(wish.name) or _NAMELESS}"
    place = functools.partial(
        services.blobs.put_url,
        key,
        base_url=site,
        expires_at=now + UPLOAD_S,
        object_expires_at=until,
    )
    put_url = await ask(services, place)
    return JSONResponse(
        {
            "upload_url": put_url,
            "upload_expires_at": iso(now + UPLOAD_S),
            "url": services.blobs.get_url(key, base_url=site, expires_at=until),
        },
        201,
    )


@speaks(errors.render)
async def listed(request: Request) -> Response:
    """Newest first."""
    services, query = services_of(request), request.query_params
    caller = await caller_of(request, "jobs:read")
    listing.known(query, listing.PAGING)
    limit = api.limit(query)
    found = await ask(
        services,
        services.files.list_files,
        caller=caller,
        after=query.get("cursor"),
        limit=limit + 1,
    )
    shown = [_shape(request, record) for record in found[:limit]]
    more = len(found) > limit
    return JSONResponse({"files": shown, "next_cursor": shown[-1]["id"] if more else None})


@speaks(errors.render)
async def read(request: Request) -> Response:
    services = services_of(request)
    caller = await caller_of(request, "jobs:read")
    listing.known(request.query_params, LENDING)
    lent_s = _length(request)
    record = await ask(services, services.files.find, request.path_params["file_id"], caller=caller)
    return JSONResponse(_shape(request, record, lent_s=lent_s))


@speaks(errors.render)
async def delete(request: Request) -> Response:
    services = services_of(request)
    caller = await caller_of(request, "jobs:write")
    await ask(services, services.files.delete, request.path_params["file_id"], caller=caller)
    return Response(status_code=204)


def _shape(request: Request, record: FileRecord, *, lent_s: float | None = None) -> dict[str, Any]:
    services = services_of(request)
    ends = [record.expires_at, None if lent_s is None else services.clock.now() + lent_s]
    until = min((end for end in ends if end is not None), default=None)
    url = services.blobs.get_url(record.key, base_url=base_url(request), expires_at=until)
    return {
        "id": record.id,
        "name": record.name,
        "content_type": record.content_type,
        "size": record.size,
        "sha256": record.sha256,
        "created_at": iso(record.created_at),
        "expires_at": iso(record.expires_at),
        "url": url,
        "url_expires_at": iso(until),
    }


def _length(request: Request) -> float | None:
    text = request.query_params.get("expires_in_s")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_S:
        raise api.bad("expires_in_s", f"must be seconds, up to {_LONGEST_S:.0f}", text)
    return seconds


ROUTES = (
    Route(PATH, upload, methods=["POST"]),
    Route(PATH, listed, methods=["GET"]),
    Route(PATH + "/uploads", announce, methods=["POST"]),
    Route(PATH + "/{file_id}", read, methods=["GET"]),
    Route(PATH + "/{file_id}", delete, methods=["DELETE"]),
)
