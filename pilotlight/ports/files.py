"""Files that callers keep here: who owns which, and what it is for. Their bytes are blobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """``purpose`` is the word of whoever brought it, such as ``batch``."""

    id: str
    """Sorts by the time it was made."""
    caller: str
    key: str
    """Where the bytes lie in the blob store."""
    name: str
    purpose: str
    content_type: str
    size: int
    sha256: str
    created_at: float
    expires_at: float | None = None


class FileStore(Protocol):
    """Every read and write is of one caller's own: another's id is as unknown as none."""

    def add(self, record: FileRecord) -> None:
        """Durable once it returns. Raises IllegalTransition when the id exists."""
        ...

    def find(self, file_id: str, *, caller: str) -> FileRecord | None: ...

    def list_files(
        self, *, caller: str, after: str | None, limit: int, newest_first: bool = True
    ) -> list[FileRecord]:
        """In the order of their ids, those behind ``after``, expired ones too."""
        ...

    def remove(self, file_id: str, *, caller: str) -> bool:
        """Whether it was there."""
        ...
