"""Files by grant: ``/files/GRANT/KEY`` is read and written without a key.

::

    GET, HEAD  /files/GRANT/KEY                      whole or a Range
    PUT        /files/GRANT/KEY                      a whole upload
    PUT        /files/GRANT/KEY/multipart/ID/N       one part; ID is the secret that admits it
    POST       /files/GRANT/KEY/multipart/ID/complete

What callers upload is shown to other people's browsers from here, so nothing may run: types
that browsers execute are downloads, and a sandbox policy covers the rest.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import AsyncGenerator, Iterator
from typing import Any, BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from handlers.bodies import streamed, whole
from handlers.dialect import speaks
from handlers.passing import past_us
from handlers.services import ask, services_of
from pilotlight.errors import (
    InvalidInput,
    MalformedBody,
    PilotlightError,
    Problem,
    Unauthorised,
    UnknownFile,
)
from pilotlight.ports.blobs import BlobInfo, Part

CHUNK_BYTES = 256 * 1024
MAX_LIST_BYTES = 2 * 1024 * 1024
"""10,000 parts need about 1 MB."""
_SHOWN = re.compile(r"(image/(?!svg)|audio/|video/|text/plain\b|application/json\b)")
_NUMBER = re.compile(r"[0-9]{1,6}")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def plain_error(error: PilotlightError) -> Response:
    body = {"code": error.code, "message": str(error), "detail": str(error)}
    return JSONResponse(body, error.http_status)


@speaks(plain_error)
async def download(request: Request) -> Response:
    services, key = services_of(request), request.path_params["key"]
    if services.blobs.admitted(request.path_params["grant"], key).write:
        raise Unauthorised("this URL is for uploading")
    info = await ask(services, services.blobs.info, key)
    headers = _headers(info)
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    span = _span(request, info, headers["etag"])
    if span is None:
        headers["content-range"] = f"bytes */{info.size}"
        return Response(status_code=416, headers=headers | {"content-length": "0"})
    first, last = span
    headers["content-length"] = str(last - first + 1)
    partial = (first, last) != (0, info.size - 1)
    if partial:
        headers["content-range"] = f"bytes {first}-{last}/{info.size}"
    status = 206 if partial else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    elsewhere = past_us(services.blobs, info, size=last - first + 1)
    if elsewhere is not None:
        return elsewhere
    file = await asyncio.to_thread(services.blobs.open, key)
    return StreamingResponse(_sent(file, first, last), status, headers=headers)


@speaks(plain_error)
async def upload(request: Request) -> Response:
    services, key = services_of(request), request.path_params["key"]
    grant = services.blobs.admitted(request.path_params["grant"], key)
    if not grant.write:
        raise Unauthorised("this URL is for reading")
    limit = services.settings.ingress.max_upload_bytes
    store = functools.partial(
        services.blobs.put,
        key,
        content_type=content_type_of(request),
        file_name=key.rpartition("/")[2],
        expires_at=grant.object_expires_at,
        max_bytes=limit,
    )
    info = await streamed(request, store, limit)
    return Response(status_code=200, headers={"etag": _etag(info)})


@speaks(plain_error)
async def upload_part(request: Request) -> Response:
    """One part; the reply has its ETag as a header and, for those who read bodies, as JSON."""
    services, path = services_of(request), request.path_params
    services.blobs.admitted(path["grant"], path["key"])
    number = int(path["number"]) if _NUMBER.fullmatch(path["number"]) else 0

    def store(chunks: Iterator[bytes]) -> Part:
        return services.blobs.put_part(path["key"], path["upload"], number, chunks)

    part = await streamed(request, store, services.settings.ingress.max_upload_bytes)
    etag = f'"{part.etag}"'
    return JSONResponse({"partNumber": part.number, "etag": etag}, headers={"etag": etag})


@speaks(plain_error)
async def complete(request: Request) -> Response:
    services, path = services_of(request), request.path_params
    services.blobs.admitted(path["grant"], path["key"])
    parts = _parts(await whole(request, max_bytes=MAX_LIST_BYTES))
    info = await asyncio.to_thread(services.blobs.finish_parts, path["key"], path["upload"], parts)
    return JSONResponse({"etag": _etag(info), "size": info.size})


def content_type_of(request: Request) -> str:
    return request.headers.get("content-type") or "application/octet-stream"


def _parts(body: bytes) -> list[Part]:
    try:
        listed = json.loads(body)["parts"]
        return [Part(_number(item["partNumber"]), str(item["etag"]).strip('"')) for item in listed]
    except ValueError:
        raise MalformedBody("the body is not JSON") from None
    except (KeyError, TypeError, RecursionError):
        problem = Problem(
            ("body", "parts"), 'must be a list of {"partNumber": 1, "etag": "..."}', "value_error"
        )
        raise InvalidInput(f"parts {problem.message}", problem) from None


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def _etag(info: BlobInfo) -> str:
    return f'"{info.sha256[:32]}"'


def _headers(info: BlobInfo) -> dict[str, str]:
    kind = info.content_type.lower()
    shown = "inline" if _SHOWN.match(kind) else "attachment"
    name = quote(info.file_name or "file", safe="")
    return {
        "content-type": info.content_type if _printable(info.content_type) else "text/plain",
        "content-disposition": f"{shown}; filename*=UTF-8''{name}",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
        "cross-origin-resource-policy": "cross-origin",
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=3600",
        "etag": _etag(info),
    }


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _span(request: Request, info: BlobInfo, etag: str) -> tuple[int, int] | None:
    """First and last byte to send; None when the range lies outside the file.

    A range we do not understand, or several at once, gets the whole file: RFC 9110 14.2 allows it.
    """
    whole_file = (0, info.size - 1)
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or request.headers.get("if-range", etag) != etag:
        return whole_file
    first, last = match.groups()
    if not first and not last:
        return whole_file
    if not first:
        return (max(0, info.size - int(last)), info.size - 1) if int(last) and info.size else None
    start, end = int(first), min(int(last), info.size - 1) if last else info.size - 1
    if last and int(last) < start:
        return whole_file
    return (start, end) if start < info.size else None


async def _sent(file: BinaryIO, first: int, last: int) -> AsyncGenerator[bytes, None]:
    left = last - first + 1
    with file:
        await asyncio.to_thread(file.seek, first)
        while left > 0:
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
            if not chunk:
                raise UnknownFile("the file ended early")
            left -= len(chunk)
            yield chunk


def routes(prefix: str = "") -> list[BaseRoute]:
    file = prefix + "/files/{grant}/{key:path}"
    part = file + "/multipart/{upload}"
    return [
        Route(part + "/complete", complete, methods=["POST"]),
        Route(part + "/{number}", upload_part, methods=["PUT"]),
        Route(file, download, methods=["GET", "HEAD"]),
        Route(file, upload, methods=["PUT"]),
    ]


ROUTES = routes()
