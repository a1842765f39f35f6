"""Multipart bodies: fields as a document, files on disk, never whole in memory.

Clients write lists as ``name[]`` and objects as ``name[key]``.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, NamedTuple

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from handlers.bodies import measured, patience_s, stopped, too_large
from handlers.dialects.openai.errors import WrongUse
from pilotlight.errors import PilotlightError

_MOST_FILES, _MOST_FIELDS = 20, 200
_FIELD = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<key>[^\[\]]*)\])?")


class Form(NamedTuple):
    fields: dict[str, Any]
    files: dict[str, list[UploadFile]]
    """By field; at their beginning, on disk when larger than 1 MiB."""


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


class _Broken(MultiPartException):
    """Carries an error of ours through the parser, which then closes its files."""

    def __init__(self, error: PilotlightError) -> None:
        super().__init__(str(error))
        self.error = error


class _Parser(MultiPartParser):
    """Starlette's, held to a size, and not content with a form that has no end."""

    def __init__(self, request: Request, max_bytes: int) -> None:
        super().__init__(
            request.headers,
            self._counted(request, max_bytes),
            max_files=_MOST_FILES,
            max_fields=_MOST_FIELDS,
        )
        self._ended = False

    def on_end(self) -> None:
        super().on_end()
        self._ended = True

    async def _counted(self, request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
        size, source, clock = 0, request.stream(), asyncio.get_running_loop().time
        began = clock()
        while (chunk := await _next(source, patience_s(size, clock() - began))) is not None:
            size += len(chunk)
            if size > max_bytes:
                raise _Broken(too_large(max_bytes))
            yield chunk
        if not self._ended:
            raise _Broken(WrongUse("the body is a multipart form without an end"))


@contextlib.asynccontextmanager
async def form_of(request: Request, *, max_bytes: int) -> AsyncIterator[Form]:
    """The files are gone afterwards.

    Raises BodyTooLarge as soon as it is known, Compressed, Interrupted, and WrongUse for what is
    no form.
    """
    measured(request, max_bytes)
    parser = _Parser(request, max_bytes)
    try:
        data = await parser.parse()
    except _Broken as broken:
        raise broken.error from None
    except MultiPartException as error:
        raise WrongUse(f"the body is no multipart form: {error.message}") from None
    except (KeyError, ValueError, LookupError):  # no boundary, a charset that is none
        raise WrongUse("the body is no multipart form that can be read") from None
    try:
        yield _sorted(data)
    finally:
        await data.close()


async def _next(source: AsyncGenerator[bytes, None], wait_s: float) -> bytes | None:
    if wait_s <= 0:
        raise _Broken(stopped())
    try:
        async with asyncio.timeout(wait_s):
            return await anext(source, None)
    except (ClientDisconnect, TimeoutError):
        raise _Broken(stopped()) from None


def _sorted(data: FormData) -> Form:
    form = Form({}, {})
    for name, value in data.multi_items():
        match = _FIELD.fullmatch(name)
        plain, key = (match["name"], match["key"]) if match else (name, None)
        if isinstance(value, UploadFile):
            form.files.setdefault(plain, []).append(value)
        else:
            _put(form.fields, plain, key, value)
    return form


def _put(fields: dict[str, Any], name: str, key: str | None, value: str) -> None:
    if key is None:
        fields[name] = value
    elif key == "":
        held = fields.setdefault(name, [])
        if isinstance(held, list):
            held.append(value)
    else:
        held = fields.setdefault(name, {})
        if isinstance(held, dict):
            held[key] = value
