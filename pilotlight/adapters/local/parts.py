"""Multipart uploads in a folder: parts come in any order, many at a time, and are joined once."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.errors import InvalidInput, Problem, UnknownFile
from pilotlight.ports.blobs import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pilotlight.adapters.local.drafts import Drafts
    from pilotlight.ports.clock import Clock

MOST_PARTS: Final = 10_000
"""S3's limit; kept here too, so that a client that fits one fits the other."""
_NOT_HEX: Final = re.compile(r"[^0-9a-f]")
_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Upload:
    id: str
    key: str
    content_type: str
    file_name: str
    expires_at: float | None
    max_bytes: int | None
    started_at: float


@dataclass(frozen=True, slots=True)
class Uploads:
    folder: Path
    clock: Clock
    drafts: Drafts

    def start(
        self,
        key: str,
        *,
        content_type: str,
        file_name: str,
        expires_at: float | None,
        max_bytes: int | None,
    ) -> str:
        upload = Upload(
            id=secrets.token_hex(16),
            key=key,
            content_type=content_type,
            file_name=file_name,
            expires_at=expires_at,
            max_bytes=max_bytes,
            started_at=self.clock.now(),
        )
        folder = self.folder / upload.id
        folder.mkdir(mode=0o700)
        with self.drafts.write([json.dumps(asdict(upload)).encode()]) as draft:
            draft.path.rename(folder / "upload.json")
        return upload.id

    def exists(self, upload_id: str) -> bool:
        return _ID.fullmatch(upload_id) is not None and (self.folder / upload_id).exists()

    def read(self, key: str, upload_id: str) -> Upload:
        """Raises UnknownFile when there is no such upload, or it is of another key."""
        if self.exists(upload_id):
            card = self.folder / upload_id / "upload.json"
            upload = Upload(**json.loads(card.read_bytes()))
            if upload.key == key:
                return upload
        raise UnknownFile("no such upload", upload=upload_id)

    def put(self, key: str, upload_id: str, number: int, body: Iterable[bytes]) -> Part:
        upload = self.read(key, upload_id)
        if not 1 <= number <= MOST_PARTS:
            raise _refused(("path", "part"), f"parts are numbered 1 to {MOST_PARTS}", number)
        folder = self.folder / upload.id
        with self.drafts.write(body, max_bytes=self._left(upload, number)) as draft:
            part = Part(number, draft.sha256[:32])
            target = folder / _part_name(part)
            draft.path.rename(target)
        for older in folder.glob(f"{number:05d}-*"):
            if older != target:
                older.unlink(missing_ok=True)
        return part

    def joined(self, upload: Upload, parts: Sequence[Part], *, chunk_bytes: int) -> Iterator[bytes]:
        """The content in order of part number, whatever the order of ``parts``.

        Raises InvalidInput for a part that is not there, before the first byte.
        """
        ordered = sorted(parts, key=lambda part: part.number)
        if not ordered or len({part.number for part in ordered}) != len(ordered):
            raise _refused(("body", "parts"), "must name each part once", len(ordered))
        paths = [self.folder / upload.id / _part_name(part) for part in ordered]
        for part, path in zip(ordered, paths, strict=True):
            if part.number > MOST_PARTS or not path.is_file():
                raise _refused(("body", "parts"), "there is no such part", asdict(part))
        return _read_all(paths, chunk_bytes)

    def remove(self, upload_id: str) -> None:
        shutil.rmtree(self.folder / upload_id, ignore_errors=True)

    def sweep(self, *, started_before: float) -> int:
        gone = 0
        for folder in [path for path in self.folder.iterdir() if _ID.fullmatch(path.name)]:
            if self._started_at(folder) <= started_before:
                self.remove(folder.name)
                gone += 1
        return gone

    def _started_at(self, folder: Path) -> float:
        try:
            return float(json.loads((folder / "upload.json").read_bytes())["started_at"])
        except FileNotFoundError:  # being made, or its maker was killed right there
            return folder.stat().st_mtime

    def _left(self, upload: Upload, number: int) -> int | None:
        if upload.max_bytes is None:
            return None
        others = (
            path
            for path in (self.folder / upload.id).glob("[0-9]*-*")
            if not path.name.startswith(f"{number:05d}-")
        )
        return max(0, upload.max_bytes - sum(path.stat().st_size for path in others))


def _part_name(part: Part) -> str:
    # The etag comes from outside: of it, only what we could have given out may become a name.
    return f"{part.number:05d}-{_NOT_HEX.sub('', part.etag)[:32]}"


def _read_all(paths: Iterable[Path], chunk_bytes: int) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(chunk_bytes):
                yield chunk


def _refused(loc: tuple[str, str], message: str, given: object) -> InvalidInput:
    return InvalidInput(message, Problem(loc, message, "value_error", given=given))
