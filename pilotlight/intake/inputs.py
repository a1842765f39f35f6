"""Media in an input becomes our own copy, before the job costs anything.

The worker then needs no way out to the network, a retry does not fetch again, and a URL that
ends while the job waits does no harm.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.artifact import BLOB_SCHEME
from pilotlight.contracts.media import has_media, media_fields
from pilotlight.contracts.sniff import matches, sniff
from pilotlight.errors import FetchFailed, InvalidInput, Problem, UnknownFile

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pilotlight.contracts.media import MediaField
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.http import Fetcher

_DATA_URI: Final = re.compile(r"data:[\w.+/-]*(?:;[\w.+-]+=[^;,]*)*(;base64)?,", re.ASCII)
_WRONG_TYPE: Final = {
    "image": "image_load_error",
    "audio": "unsupported_audio_format",
    "video": "unsupported_video_format",
    "archive": "invalid_archive",
}
"""fal's error types double as ours: they say what is wrong with the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    blobs: Blobs
    fetcher: Fetcher
    keep_s: float
    """How long an input outlives its submit."""

    def wants(self, model: type[BaseModel]) -> bool:
        """Whether a body of this model may hold media at all."""
        return has_media(model)

    def resolve(self, value: BaseModel, body: bytes, *, caller: str, now: float) -> str:
        """The input as JSON text with every media field as ``blob:KEY``. Blocks on the network.

        Raises InvalidInput that names each bad field.
        """
        document: dict[str, Any] = json.loads(body or b"{}")
        problems: list[Problem] = []
        for field in media_fields(value):
            try:
                key = self._key(field, caller=caller, expires_at=now + self.keep_s)
                _place(document, field.loc, BLOB_SCHEME + key)
            except InvalidInput as error:
                problems.extend(error.problems)
        if problems:
            where = ".".join(str(part) for part in problems[0].loc)
            raise InvalidInput(f"{where}: {problems[0].message}", *problems)
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False)

    def _key(self, field: MediaField, *, caller: str, expires_at: float) -> str:
        if field.url.startswith("data:"):
            return self._inline(field, caller=caller, expires_at=expires_at)
        if not field.url.startswith(("http://", "https://")):
            raise _bad(field, "file_download_error", "must be an http(s) URL or a data URI")
        try:
            own = self.blobs.own_key(field.url)
        except UnknownFile:
            raise _bad(field, "file_download_error", "this file is not there any more") from None
        return own or self._fetched(field, caller=caller, expires_at=expires_at)

    def _inline(self, field: MediaField, *, caller: str, expires_at: float) -> str:
        data = _decoded(field)
        if len(data) > field.media.max_bytes:
            raise _too_large(field)
        content_type = sniff(data[:4096])
        if content_type is None or not matches(field.media.kind, content_type):
            raise _wrong_type(field)
        key = f"inputs/{caller}/{hashlib.sha256(data).hexdigest()}"
        self.blobs.put(key, data, content_type=content_type, expires_at=expires_at)
        return key

    def _fetched(self, field: MediaField, *, caller: str, expires_at: float) -> str:
        with tempfile.TemporaryDirectory(prefix="pilotlight-input-") as folder:
            try:
                got = self.fetcher.fetch(
                    field.url,
                    kind=field.media.kind,
                    max_bytes=field.media.max_bytes,
                    into=Path(folder),
                )
            except FetchFailed as error:
                raise _not_fetched(field, error) from None
            key = f"inputs/{caller}/{got.sha256}"
            self.blobs.put(
                key,
                got.path,
                content_type=got.content_type,
                file_name=got.file_name,
                expires_at=expires_at,
            )
        return key


def _decoded(field: MediaField) -> bytes:
    head = _DATA_URI.match(field.url)
    if head is None or head[1] is None:
        raise _bad(field, "file_download_error", "not a data URI of the form data:TYPE;base64,DATA")
    try:
        return base64.b64decode(field.url[head.end() :], validate=True)
    except binascii.Error:
        raise _bad(field, "file_download_error", "the data URI is not valid base64") from None


def _place(document: Any, loc: tuple[str | int, ...], value: str) -> None:
    *path, last = loc
    for part in path:
        document = document[part]
    document[last] = value


def _bad(field: MediaField, kind: str, message: str, **context: object) -> InvalidInput:
    given = None if field.url.startswith("data:") else field.url
    problem = Problem(("body", *field.loc), message, kind, context, given)
    return InvalidInput(message, problem)


def _too_large(field: MediaField) -> InvalidInput:
    limit = field.media.max_bytes
    return _bad(field, "file_too_large", f"larger than {limit} bytes", max_size=limit)


def _wrong_type(field: MediaField) -> InvalidInput:
    kind = field.media.kind
    return _bad(
        field, _WRONG_TYPE.get(kind, "file_download_error"), f"the file is no {kind} we can read"
    )


def _not_fetched(field: MediaField, error: FetchFailed) -> InvalidInput:
    if error.reason == "too_large":
        return _too_large(field)
    if error.reason == "wrong_type":
        return _wrong_type(field)
    return _bad(field, "file_download_error", str(error))
