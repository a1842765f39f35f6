"""A caller's files: kept until they are deleted or expire, whoever brings them and in what words.

Bytes go to the blob store first and the row last, so that a file that is found is there whole.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from pilotlight.errors import UnknownFile
from pilotlight.intake.ids import new_id
from pilotlight.ports.files import FileRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.clock import Clock
    from pilotlight.ports.files import FileStore

CHUNK_BYTES: Final = 1024 * 1024
PREFIX: Final = "file-"
_PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Every method may block on the stores. Another caller's file is as unknown as none."""

    blobs: Blobs
    store: FileStore
    clock: Clock

    def keep(
        self,
        source: Path | bytes | Iterable[bytes],
        *,
        caller: str,
        name: str,
        purpose: str,
        content_type: str = "application/octet-stream",
        expires_at: float | None = None,
        max_bytes: int | None = None,
    ) -> FileRecord:
        """Store and record a file, a chunk at a time. Raises BodyTooLarge past ``max_bytes``."""
        now = self.clock.now()
        file_id = PREFIX + new_id(now).replace("-", "")
        info = self.blobs.put(
            f"kept/{caller}/{file_id}",
            source,
            content_type=content_type,
            file_name=name,
            expires_at=expires_at,
            max_bytes=max_bytes,
        )
        record = FileRecord(
            id=file_id,
            caller=caller,
            key=info.key,
            name=name,
            purpose=purpose,
            content_type=content_type,
            size=info.size,
            sha256=info.sha256,
            created_at=now,
            expires_at=expires_at,
        )
        try:
            self.store.add(record)
        except BaseException:  # nobody would ever find these bytes, or sweep them
            self.blobs.delete(record.key)
            raise
        return record

    def find(self, file_id: str, *, caller: str) -> FileRecord:
        """Raises UnknownFile."""
        record = self.store.find(file_id, caller=caller)
        if record is None or self._is_over(record):
            raise UnknownFile(f"there is no file {file_id}", file_id=file_id)
        return record

    def open(self, file_id: str, *, caller: str) -> BinaryIO:
        """The content, to be read a chunk at a time and closed. Raises UnknownFile."""
        return self.blobs.open(self.find(file_id, caller=caller).key)

    def list_files(
        self,
        *,
        caller: str,
        purpose: str | None = None,
        after: str | None = None,
        limit: int = 20,
        newest_first: bool = True,
    ) -> list[FileRecord]:
        """Those that live, behind the id ``after``. Rows of expired ones are removed."""
        found: list[FileRecord] = []
        for record in self._walk(caller, after, newest_first=newest_first):
            if self._is_over(record):
                self.store.remove(record.id, caller=caller)
            elif purpose in (None, record.purpose):
                found.append(record)
                if len(found) == limit:
                    break
        return found

    def delete(self, file_id: str, *, caller: str) -> None:
        """Gone afterwards. Raises UnknownFile."""
        record = self.find(file_id, caller=caller)
        self.blobs.delete(record.key)
        self.store.remove(file_id, caller=caller)

    def lend(
        self, file: BinaryIO, *, caller: str, name: str, content_type: str, keep_s: float
    ) -> str:
        """Keep what came with a request as long as its job may need it; its key.

        The same bytes get the same key, so that a request sent twice reads the same.
        """
        digest = hashlib.sha256()
        for chunk in _chunks(file):
            digest.update(chunk)
        key = f"inputs/{caller}/{digest.hexdigest()}"
        self.blobs.put(
            key,
            _chunks(file),
            content_type=content_type,
            file_name=name,
            expires_at=self.clock.now() + keep_s,
        )
        return key

    def _walk(self, caller: str, after: str | None, *, newest_first: bool) -> Iterator[FileRecord]:
        while True:
            page = self.store.list_files(
                caller=caller, after=after, limit=_PAGE, newest_first=newest_first
            )
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].id

    def _is_over(self, record: FileRecord) -> bool:
        return record.expires_at is not None and record.expires_at <= self.clock.now()


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
