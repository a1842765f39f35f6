"""Texts too long for a table: an item holds 400 KB at most, and every write is billed by its size.

Such a text lies in S3 under the hash of its bytes, and the item holds a pointer, written after
it. Nobody changes it there, so a copy is kept in memory: a beat of a job whose input is long
reads it once.
"""

from __future__ import annotations

import hashlib
import io
import logging
import threading
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pilotlight.adapters.aws.objects import Changed
from pilotlight.errors import Unavailable, UnknownFile
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pilotlight.adapters.aws.objects import Bucket

LONGEST_BYTES: Final = 32 * 1024
"""Kept in the item itself. Four such columns and the history stay below 400 KB."""
_REMEMBERED: Final = 32 * 1024 * 1024
"""Characters."""
_SHELVED: Final = "shelved"
_TEXTS: Final = "texts/"


class LongTexts:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self._known: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def write(self, job_id: str, text: str, *, longest: int = LONGEST_BYTES) -> dict[str, Any]:
        """The attribute value that stands for the text; stores it first if it is long."""
        if len(text) <= longest // 4 or len(body := text.encode()) <= longest:
            return {"S": text}
        key = f"{_folder(job_id)}{hashlib.sha256(body).hexdigest()}"
        if not self._remembered(key):
            with suppress(Changed):  # it is there
                self._bucket.put(key, io.BytesIO(body), size=len(body), IfNoneMatch="*")
            self._remember(key, text)
        return {"M": {_SHELVED: {"S": key}}}

    def read(self, value: dict[str, Any], *, lost: str | None = None) -> str:
        """The text behind an attribute value that ``write`` gave.

        ``lost`` stands for one that is not in the bucket any more; without it raises Unavailable.
        """
        if "M" not in value:
            text: str = value["S"]
            return text
        key: str = value["M"][_SHELVED]["S"]
        known = self._remembered(key)
        if known is not None:
            return known
        try:
            text = self._bucket.read(key).decode()
        except UnknownFile:
            logs.event("text.lost", level=logging.ERROR, key=key)
            if lost is not None:
                return lost
            raise Unavailable("a long text of this row is not there", key=key) from None
        self._remember(key, text)
        return text

    def jobs(self, *, after: float, before: float) -> Iterator[Sequence[str]]:
        """Ids of jobs that have texts put there in between, a portion for each request."""
        for keys in self._bucket.stored(_TEXTS, after=after, before=before):
            ids = (key.removeprefix(_TEXTS).partition("/")[0] for key in keys)
            yield list(dict.fromkeys(ids))

    def forget(self, job_id: str) -> None:
        """Delete every text of the job."""
        self._bucket.delete(*(key for key, _ in self._bucket.list(_folder(job_id))))

    def _remembered(self, key: str) -> str | None:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def _remember(self, key: str, text: str) -> None:
        with self._lock:
            if key in self._known or len(text) > _REMEMBERED:
                return
            self._known[key] = text
            self._size += len(text)
            while self._size > _REMEMBERED:
                _, dropped = self._known.popitem(last=False)
                self._size -= len(dropped)


def is_shelved(value: dict[str, Any]) -> bool:
    return _SHELVED in value.get("M", {})


def _folder(job_id: str) -> str:
    return f"{_TEXTS}{job_id}/"
