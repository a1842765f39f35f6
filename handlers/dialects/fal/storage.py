"""``rest.fal.ai`` and ``v3.fal.media``: how clients bring files.

Four ways, all of which end in a ``/files/GRANT/KEY`` URL: a token and one POST (Python, up to
100 MiB), a token and parts (Python, more), initiate and PUT (both), initiate-multipart and parts
(JavaScript, over 90 MiB).
"""

from __future__ import annotations

import functools
import uuid
from datetime import UTC, datetime
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers import files
from handlers.auth import caller_of, counted
from handlers.bodies import streamed, whole
from handlers.dialect import speaks
from handlers.dialects.fal import errors
from handlers.dialects.fal.tokens import json_object
from handlers.dialects.fal.wishes import CDN, REST, lifetime_s
from handlers.names import file_name
from handlers.services import ask, services_of
from handlers.site import base_url
from pilotlight.bootstrap.ingress import Services
from pilotlight.errors import InvalidInput, Problem
from pilotlight.intake.keys import presented

CDN_SCOPE = "cdn"
TOKEN_S = 3600.0
UPLOAD_S = 15 * 60.0
"""How long an upload may begin after it was announced: reliability section 4.3."""
NAMELESS = "upload.bin"
"""What fal's own client calls a file without a name."""


class Wanted(NamedTuple):
    """A file that somebody is about to bring."""

    key: str
    content_type: str
    file_name: str
    expires_at: float | None


@speaks(errors.render)
async def token(request: Request) -> Response:
    services, caller = services_of(request), await caller_of(request, "jobs:write")
    expires_at = datetime.fromtimestamp(services.clock.now() + TOKEN_S, UTC)
    return JSONResponse(
        {
            "token": services.tokens.mint(caller, CDN_SCOPE, TOKEN_S),
            "token_type": "Bearer",
            "base_url": base_url(request, CDN),
            # With its offset: Python's client compares it with an aware time.
            "expires_at": expires_at.isoformat(),
        }
    )


@speaks(errors.render)
async def initiate(request: Request) -> Response:
    services, base = services_of(request), base_url(request, CDN)
    wanted = await _announced(request, await caller_of(request, "jobs:write"))
    return JSONResponse(
        {
            "upload_url": await ask(services, _put_url, services, wanted, base),
            "file_url": _file_url(services, wanted, base),
        }
    )


@speaks(errors.render)
async def initiate_multipart(request: Request) -> Response:
    """The client appends ``/N`` and ``/complete`` to ``upload_url``."""
    services, base = services_of(request), base_url(request, CDN)
    wanted = await _announced(request, await caller_of(request, "jobs:write"))
    upload_id = await ask(services, _start, services, wanted)
    return JSONResponse(
        {
            "upload_url": f"{_file_url(services, wanted, base)}/multipart/{upload_id}",
            "file_url": _file_url(services, wanted, base),
        }
    )


@speaks(errors.render)
async def upload(request: Request) -> Response:
    """A whole file in one POST."""
    services = services_of(request)
    wanted = _named_in_headers(request, await _token_or_key(request))
    limit = services.settings.ingress.max_upload_bytes
    store = functools.partial(
        services.blobs.put,
        wanted.key,
        content_type=wanted.content_type,
        file_name=wanted.file_name,
        expires_at=wanted.expires_at,
        max_bytes=limit,
    )
    await streamed(request, store, limit)
    return JSONResponse({"access_url": _file_url(services, wanted, base_url(request, CDN))})


@speaks(errors.render)
async def upload_multipart(request: Request) -> Response:
    """The client appends ``/multipart/ID/N`` to ``access_url``, which is the file's URL too."""
    services = services_of(request)
    wanted = _named_in_headers(request, await _token_or_key(request))
    url = _file_url(services, wanted, base_url(request, CDN))
    upload_id = await ask(services, _start, services, wanted)
    return JSONResponse({"access_url": url, "uploadId": upload_id})


async def _token_or_key(request: Request) -> str:
    """The CDN takes its own tokens; a key is as good."""
    header = request.headers.get("authorization")
    text = presented(header)
    if header is not None and header.lower().startswith("bearer ") and not text.startswith("pl_"):
        services = services_of(request)
        return counted(services, services.tokens.verify(text, CDN_SCOPE))
    return await caller_of(request, "jobs:write")


async def _announced(request: Request, caller: str) -> Wanted:
    asked = json_object(await whole(request, max_bytes=64 * 1024))
    name, kind = asked.get("file_name"), asked.get("content_type")
    for field, value in (("file_name", name), ("content_type", kind)):
        if not (value is None or isinstance(value, str)):
            problem = Problem(("body", field), "must be a string", "string_type", given=value)
            raise InvalidInput(f"{field} must be a string", problem)
    return _wanted(request, caller, name or NAMELESS, kind or "application/octet-stream")


def _named_in_headers(request: Request, caller: str) -> Wanted:
    name = request.headers.get("x-fal-file-name") or NAMELESS
    return _wanted(request, caller, name, files.content_type_of(request))


def _wanted(request: Request, caller: str, name: str, content_type: str) -> Wanted:
    safe = file_name(name) or NAMELESS
    key = f"uploads/{file_name(caller)}/{uuid.uuid4().hex}/{safe}"
    lifetime = lifetime_s(request.headers)
    now = services_of(request).clock.now()
    return Wanted(key, content_type, safe, None if lifetime is None else now + lifetime)


def _start(services: Services, wanted: Wanted) -> str:
    return services.blobs.start_parts(
        wanted.key,
        content_type=wanted.content_type,
        file_name=wanted.file_name,
        expires_at=wanted.expires_at,
        max_bytes=services.settings.ingress.max_upload_bytes,
    )


def _file_url(services: Services, wanted: Wanted, base: str) -> str:
    return services.blobs.get_url(wanted.key, base_url=base, expires_at=wanted.expires_at)


def _put_url(services: Services, wanted: Wanted, base: str) -> str:
    return services.blobs.put_url(
        wanted.key,
        base_url=base,
        expires_at=services.clock.now() + UPLOAD_S,
        object_expires_at=wanted.expires_at,
    )


ROUTES = [
    Route(REST + "/storage/auth/token", token, methods=["POST"]),
    Route(REST + "/storage/upload/initiate", initiate, methods=["POST"]),
    Route(REST + "/storage/upload/initiate-multipart", initiate_multipart, methods=["POST"]),
    Route(CDN + "/files/upload", upload, methods=["POST"]),
    Route(CDN + "/files/upload/multipart", upload_multipart, methods=["POST"]),
    *files.routes(CDN),
]
