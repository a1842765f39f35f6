"""Fetch one file for a job: our own copy, of a known kind and size."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin

from pilotlight.adapters.web import guard
from pilotlight.adapters.web.patience import Limits, Patience
from pilotlight.adapters.web.reasons import failed
from pilotlight.contracts.sniff import HEAD_BYTES, matches, sniff
from pilotlight.ports.http import Fetched

if TYPE_CHECKING:
    from typing import BinaryIO

    from pilotlight.adapters.web.guard import Target
    from pilotlight.adapters.web.outbound import Answer, Outbound
    from pilotlight.ports.clock import Clock
    from pilotlight.settings import FetchSettings

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_FRAMING_BYTES: Final = 128 * 1024
"""Heads of all hops."""
_MAX_NAME: Final = 100


class GuardedFetcher:
    """A Fetcher that only goes where the guard lets it, at every hop."""

    def __init__(self, outbound: Outbound, settings: FetchSettings, clock: Clock) -> None:
        self._outbound = outbound
        self._settings = settings
        self._clock = clock

    def fetch(
        self, url: str, *, kind: str, max_bytes: int, into: Path, within_s: float | None = None
    ) -> Fetched:
        patience = Patience(self._limits(max_bytes, within_s), self._clock.monotonic)
        target = guard.parse(url, self._outbound.policy)
        for _hop in range(self._settings.max_redirects + 1):
            with self._outbound.ask("GET", target, patience, headers={"Accept": "*/*"}) as answer:
                if answer.status not in _REDIRECTS:
                    return _kept(answer, target, kind=kind, max_bytes=max_bytes, into=into)
                target = self._next(target, answer)
        raise failed("bad_status")

    def _limits(self, max_bytes: int, within_s: float | None) -> Limits:
        total_s = self._settings.total_timeout_s
        # Chunked framing may add an eighth; a sender of one-byte chunks is cut off there.
        return Limits(
            connect_s=self._settings.connect_timeout_s,
            first_byte_s=self._settings.first_byte_timeout_s,
            total_s=total_s if within_s is None else min(total_s, within_s),
            min_bytes_per_s=self._settings.min_bytes_per_s,
            max_bytes=max_bytes + max_bytes // 8 + _FRAMING_BYTES,
        )

    def _next(self, here: Target, answer: Answer) -> Target:
        location = answer.headers.get("location")
        if location is None:
            raise failed("bad_status")
        if not location.isascii() or not location.isprintable():
            raise failed("bad_url")
        try:
            there = guard.parse(urljoin(here.url, location), self._outbound.policy)
        except ValueError:
            raise failed("bad_url") from None
        if here.scheme == "https" and there.scheme != "https":
            raise failed("bad_url")
        return there


def _kept(answer: Answer, target: Target, *, kind: str, max_bytes: int, into: Path) -> Fetched:
    """Write the body to a new file; nothing is left behind when it is refused."""
    if answer.status != 200:
        raise failed("bad_status")
    length = answer.headers.get("content-length", "")
    if length.isdigit() and int(length) > max_bytes:
        raise failed("too_large")
    handle, name = tempfile.mkstemp(prefix="fetched-", dir=into)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            size, sha256, content_type = _copied(answer, file, kind=kind, max_bytes=max_bytes)
    except BaseException:
        path.unlink()
        raise
    return Fetched(path, size, sha256, content_type, _file_name(target.path))


def _copied(answer: Answer, file: BinaryIO, *, kind: str, max_bytes: int) -> tuple[int, str, str]:
    """Size, SHA-256 and content type; the type is judged before more than a head is read."""
    digest = hashlib.sha256()
    head, judged, size = b"", False, 0
    for chunk in answer.chunks():
        size += len(chunk)
        if size > max_bytes:
            raise failed("too_large")
        digest.update(chunk)
        file.write(chunk)
        if not judged:
            head += chunk[:HEAD_BYTES]
            judged = len(head) >= HEAD_BYTES
            if judged:
                _judge(head, kind)
    return size, digest.hexdigest(), _judge(head, kind)


def _judge(head: bytes, kind: str) -> str:
    content_type = sniff(head)
    if not matches(kind, content_type):
        raise failed("wrong_type")
    return content_type or "application/octet-stream"


def _file_name(path: str) -> str:
    """The last part of the path, for people to recognise; never used to open anything."""
    last = unquote(path.partition("?")[0].rpartition("/")[2])
    kept = "".join(each for each in last if each.isprintable() and each not in '/\\:"<>|?*')
    return kept.strip(". ")[:_MAX_NAME] or "file"
