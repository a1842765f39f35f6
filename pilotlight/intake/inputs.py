"""Media in an input becomes our own copy, before the job costs anything.

The worker then needs no way out to the network, a retry does not fetch again, and a URL that
ends while the job waits does no harm.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from pilotlight.contracts.artifact import BLOB_SCHEME
from pilotlight.contracts.media import has_media, media_fields
from pilotlight.contracts.sniff import HEAD_BYTES, sniff
from pilotlight.errors import FetchFailed, InvalidInput, Problem, UnknownFile
from pilotlight.intake.media_limits import (
    Fault,
    fault_of,
    measure,
    takes,
    too_large,
    wrong_format,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pilotlight.contracts.media import MediaField
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.http import Fetcher

_DATA_URI: Final = re.compile(r"data:[\w.+/-]*(?:;[\w.+-]+=[^;,]*)*(;base64)?,", re.ASCII)


MOST_FILES: Final = 100
"""In one input."""
ALL_S: Final = 300.0
"""For the fetches of one input together; each has less of its own."""


class _Call(NamedTuple):
    """Whose input it is, until when its files are kept, and when the last must have come."""

    caller: str
    expires_at: float
    fetched_by: float


class Resolved(NamedTuple):
    """The input as JSON text, and every ``blob:KEY`` that we put into it."""

    text: str
    placed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    blobs: Blobs
    fetcher: Fetcher
    clock: Clock
    keep_s: float
    """How long an input outlives its submit."""

    def wants(self, model: type[BaseModel]) -> bool:
        """Whether a body of this model may hold media at all."""
        return has_media(model)

    def resolve(
        self,
        value: BaseModel,
        body: bytes,
        *,
        caller: str,
        now: float,
        placed: frozenset[str] = frozenset(),
    ) -> Resolved:
        """The input with every media field as ``blob:KEY``. Blocks on the network.

        ``placed`` are such keys that stand in it already, put there by us. Raises InvalidInput
        that names each bad field.
        """
        document: dict[str, Any] = json.loads(body or b"{}")
        problems: list[Problem] = []
        ours = set(placed)
        wanted = [field for field in media_fields(value) if field.url not in placed]
        if len(wanted) > MOST_FILES:
            raise _bad(wanted[MOST_FILES], "too_long", f"at most {MOST_FILES} files in one input")
        call = _Call(caller, now + self.keep_s, self.clock.monotonic() + ALL_S)
        for field in wanted:
            try:
                key = self._key(field, call)
                ours.add(BLOB_SCHEME + key)
                _place(document, field.loc, BLOB_SCHEME + key)
            except InvalidInput as error:
                problems.extend(error.problems)
        if problems:
            where = ".".join(str(part) for part in problems[0].loc)
            raise InvalidInput(f"{where}: {problems[0].message}", *problems)
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        return Resolved(text, frozenset(ours))

    def _key(self, field: MediaField, call: _Call) -> str:
        if field.url.startswith("data:"):
            return self._inline(field, call)
        if not field.url.startswith(("http://", "https://")):
            raise _bad(field, "file_download_error", "must be an http(s) URL or a data URI")
        try:
            own = self.blobs.own_key(field.url)
        except UnknownFile:
            raise _bad(field, "file_download_error", "this file is not there any more") from None
        if own is not None:
            return self._uploaded(field, own)
        return self._fetched(field, call)

    def _uploaded(self, field: MediaField, key: str) -> str:
        """A file that is here already. Whoever uploaded it said what they liked of it, so it is
        looked at like one that is fetched."""
        media = field.media
        if self.blobs.info(key).size > media.max_bytes:
            raise _faulty(field, too_large(media))
        with self.blobs.open(key) as file:
            head = file.read(HEAD_BYTES)
            if not takes(media, sniff(head)):
                raise _faulty(field, wrong_format(media))
            _look(field, file)
        return key

    def _inline(self, field: MediaField, call: _Call) -> str:
        data = _decoded(field)
        if len(data) > field.media.max_bytes:
            raise _faulty(field, too_large(field.media))
        content_type = sniff(data[:4096])
        if content_type is None or not takes(field.media, content_type):
            raise _faulty(field, wrong_format(field.media))
        _look(field, io.BytesIO(data))
        key = f"inputs/{call.caller}/{hashlib.sha256(data).hexdigest()}"
        self.blobs.put(key, data, content_type=content_type, expires_at=call.expires_at)
        return key

    def _fetched(self, field: MediaField, call: _Call) -> str:
        media, left_s = field.media, call.fetched_by - self.clock.monotonic()
        with tempfile.TemporaryDirectory(prefix="pilotlight-input-") as folder:
            try:
                got = self.fetcher.fetch(
                    field.url,
                    kind="file" if media.formats else media.kind,
                    max_bytes=media.max_bytes,
                    into=Path(folder),
                    within_s=left_s if media.fetch_s is None else min(left_s, media.fetch_s),
                )
            except FetchFailed as error:
                raise _not_fetched(field, error) from None
            if not takes(media, got.content_type):
                raise _faulty(field, wrong_format(media))
            with got.path.open("rb") as file:
                _look(field, file)
            key = f"inputs/{call.caller}/{got.sha256}"
            self.blobs.put(
                key,
                got.path,
                content_type=got.content_type,
                file_name=got.file_name,
                expires_at=call.expires_at,
            )
        return key


def _decoded(field: MediaField) -> bytes:
    head = _DATA_URI.match(field.url)
    if head is None or head[1] is None:
        raise _bad(field, "file_download_error", "not a data URI of the form data:TYPE;base64,DATA")
    try:
        return base64.b64decode(field.url[head.end() :], validate=True)
    except ValueError:  # binascii's own, and a plain one for what is not ASCII
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


def _look(field: MediaField, file: BinaryIO) -> None:
    """Raises InvalidInput when the file's own header says that it breaks a limit."""
    if not field.media.limits_content:
        return
    file.seek(0)
    fault = fault_of(field.media, measure(field.media, file))
    if fault is not None:
        raise _faulty(field, fault)


def _faulty(field: MediaField, fault: Fault) -> InvalidInput:
    return _bad(field, fault.type, fault.message, **fault.context)


def _not_fetched(field: MediaField, error: FetchFailed) -> InvalidInput:
    if error.reason == "too_large":
        return _faulty(field, too_large(field.media))
    if error.reason == "wrong_type":
        return _faulty(field, wrong_format(field.media))
    return _bad(field, "file_download_error", str(error))
