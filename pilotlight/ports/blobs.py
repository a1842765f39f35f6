"""Files in and out, by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class BlobInfo:
    key: str
    size: int
    sha256: str
    content_type: str
    file_name: str
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    etag: str


class Grant(NamedTuple):
    """What a URL of ``/files/GRANT/KEY`` allows on that key."""

    write: bool
    """PUT; else GET."""
    object_expires_at: float | None = None
    """With ``write``: until when the object it brings is kept."""


class Blobs(Protocol):
    """Whole objects: a key is there with all its bytes or not at all.

    Keys are opaque ``/``-separated names made by us, never by a caller. Raises UnknownFile for a
    key that is not there.
    """

    def put(
        self,
        key: str,
        source: Path | bytes | Iterable[bytes],
        *,
        content_type: str,
        file_name: str = "",
        expires_at: float | None = None,
        max_bytes: int | None = None,
    ) -> BlobInfo:
        """Store. Raises BodyTooLarge past ``max_bytes``, and then nothing is kept."""
        ...

    def info(self, key: str) -> BlobInfo: ...

    def open(self, key: str) -> BinaryIO: ...

    def local_copy(self, key: str, folder: Path) -> Path:
        """A readable path: the file itself when it is on this machine, else a download."""
        ...

    def delete(self, key: str) -> None:
        """Gone afterwards; a missing key is fine."""
        ...

    def get_url(self, key: str, *, base_url: str, expires_at: float | None) -> str:
        """A URL that needs no key; ``base_url`` is this ingress as the caller sees it.

        ``expires_at`` None: as long as the file lives.
        """
        ...

    def direct_url(self, info: BlobInfo) -> str | None:
        """Where this file can be read without us, for an hour; None: from us alone."""
        ...

    def own_key(self, url: str) -> str | None:
        """The key when ``url`` is one that ``get_url`` gave out (whatever its host), else None.

        Raises UnknownFile when it looks like one of ours but its grant is forged or over.
        """
        ...

    def put_url(
        self,
        key: str,
        *,
        base_url: str,
        expires_at: float,
        object_expires_at: float | None = None,
    ) -> str:
        """Where a caller may PUT this one object, without a key. May cross the network."""
        ...

    def admitted(self, grant: str, key: str) -> Grant:
        """What ``/files/GRANT/KEY`` allows now. Raises UnknownFile when forged or over."""
        ...

    def start_parts(
        self,
        key: str,
        *,
        content_type: str,
        file_name: str,
        expires_at: float | None,
        max_bytes: int | None = None,
    ) -> str:
        """Begin a multipart upload; its id, which nobody can guess."""
        ...

    def put_part(self, key: str, upload_id: str, number: int, body: Iterable[bytes]) -> Part:
        """Again with the same number replaces. Raises BodyTooLarge, UnknownFile."""
        ...

    def finish_parts(self, key: str, upload_id: str, parts: Sequence[Part]) -> BlobInfo:
        """Join the parts by number; raises InvalidInput for a part that is not there."""
        ...

    def stored(self, prefix: str, *, after: float, before: float) -> Iterator[Sequence[str]]:
        """Keys that begin so and were put there after the one moment and before the other.

        In portions as they are found, empty ones too: each takes a moment. May leave out a key
        of unusual characters.
        """
        ...

    def sweep(self, *, now: float) -> int:
        """Delete what has expired and uploads nobody finished; how many."""
        ...
