"""Bytes on their way into S3: counted and hashed first, because metadata come before the body."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, cast

from pilotlight.errors import BodyTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_BYTES: Final = 1024 * 1024
_IN_MEMORY_BYTES: Final = 8 * 1024 * 1024
"""A longer stream goes through a temporary file."""


class Draft(NamedTuple):
    file: BinaryIO
    """At its beginning; read from here, it has ``size`` bytes."""
    size: int
    sha256: str


@contextlib.contextmanager
def draft(source: Path | bytes | Iterable[bytes], *, max_bytes: int | None) -> Iterator[Draft]:
    """Raises BodyTooLarge, and what reading the source raises."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield _measured(file, max_bytes)
    elif isinstance(source, bytes):
        yield _measured(io.BytesIO(source), max_bytes)
    else:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spool:
            size = 0
            for chunk in source:
                size += len(chunk)
                _check(size, max_bytes)
                spool.write(chunk)
            spool.seek(0)
            yield _measured(cast("BinaryIO", spool), max_bytes)


def chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _measured(file: BinaryIO, max_bytes: int | None) -> Draft:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks(file):
        size += len(chunk)
        _check(size, max_bytes)
        digest.update(chunk)
    file.seek(0)
    return Draft(file, size, digest.hexdigest())


def _check(size: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size > max_bytes:
        raise BodyTooLarge(f"larger than {max_bytes} bytes", max_size=max_bytes)
