"""Files in a folder, whole or not at all.

A key never becomes a path: an object is named by the SHA-256 of its key, so ``..``, ``/`` and
strange bytes mean nothing here. Content lies beside a small JSON card that names it; the card is
renamed into place last, and that is the moment the object exists. Both are synced first.

::

    objects/3f/3f9c...a1-9b2d...   content, named by the key's hash and its own
    objects/3f/3f9c...a1.json      the card
    expiring/001893456000-3f9c...  when to look at that card again
    drafts/1893456000-...          being written: see drafts.py
    uploads/ID/                    a multipart upload: see parts.py
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from pilotlight.adapters import grants
from pilotlight.adapters.grants import Grants
from pilotlight.adapters.local.drafts import NUMBERED, Drafts
from pilotlight.adapters.local.parts import Uploads
from pilotlight.errors import UnknownFile
from pilotlight.ports.blobs import BlobInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pilotlight.adapters.local.drafts import Draft
    from pilotlight.ports.blobs import Grant, Part
    from pilotlight.ports.clock import Clock

CHUNK_BYTES: Final = 1024 * 1024
ABANDONED_S: Final = 24 * 3600.0
"""A draft or an upload that nobody finished within this is swept."""
_PLAIN: Final = re.compile(r"[^\w.-]+", re.ASCII)


class FolderBlobs:
    """Safe for any number of processes and threads on one machine."""

    def __init__(self, folder: Path, *, secret: bytes, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        self._grants = Grants(secret)
        for name in ("objects", "expiring", "drafts", "uploads"):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._drafts = Drafts(folder / "drafts", clock)
        self._uploads = Uploads(folder / "uploads", clock=clock, drafts=self._drafts)

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
        with self._drafts.write(_chunks(source), max_bytes=max_bytes) as draft:
            info = BlobInfo(key, draft.size, draft.sha256, content_type, file_name, expires_at)
            self._commit(info, draft)
        return info

    def info(self, key: str) -> BlobInfo:
        try:
            info = BlobInfo(**json.loads(self._card(_name(key)).read_bytes()))
        except FileNotFoundError:
            raise UnknownFile("no such file", key=key) from None
        if info.expires_at is not None and info.expires_at <= self._clock.now():
            raise UnknownFile("this file has expired", key=key)
        return info

    def open(self, key: str) -> BinaryIO:
        for _ in range(2):
            path = self._content(self.info(key))
            # Between the two, a put of the same key may have replaced the content: look again.
            with contextlib.suppress(FileNotFoundError):
                return path.open("rb")
        raise UnknownFile("no such file", key=key)

    def local_copy(self, key: str, folder: Path) -> Path:
        """A second name for the content, with the ending its file name has."""
        info = self.info(key)
        ending = _PLAIN.sub("_", Path(info.file_name).suffix)[:16]
        path = folder / f"{_name(key)[:16]}-{info.sha256[:16]}{ending}"
        if path.exists():
            return path
        try:
            path.hardlink_to(self._content(info))
        except OSError:  # another file system
            with self.open(key) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target, CHUNK_BYTES)
        return path

    def delete(self, key: str) -> None:
        with self._alone():
            self._remove(_name(key))

    def get_url(self, key: str, *, base_url: str, expires_at: float | None) -> str:
        return self._grants.url(key, base_url=base_url, write=False, expires_at=expires_at)

    def direct_url(self, info: BlobInfo) -> str | None:  # noqa: ARG002 - the port's
        """It lies on this machine."""
        return None

    def own_key(self, url: str) -> str | None:
        found = grants.own(url)
        if found is None:
            return None
        if self.admitted(found.grant, found.key).write:
            raise UnknownFile("this URL is for uploading")
        return self.info(found.key).key

    def put_url(
        self,
        key: str,
        *,
        base_url: str,
        expires_at: float,
        object_expires_at: float | None = None,
    ) -> str:
        return self._grants.url(
            key,
            base_url=base_url,
            write=True,
            expires_at=expires_at,
            object_expires_at=object_expires_at,
        )

    def admitted(self, grant: str, key: str) -> Grant:
        return self._grants.check(grant, key, now=self._clock.now())

    def start_parts(
        self,
        key: str,
        *,
        content_type: str,
        file_name: str,
        expires_at: float | None,
        max_bytes: int | None = None,
    ) -> str:
        return self._uploads.start(
            key,
            content_type=content_type,
            file_name=file_name,
            expires_at=expires_at,
            max_bytes=max_bytes,
        )

    def put_part(self, key: str, upload_id: str, number: int, body: Iterable[bytes]) -> Part:
        return self._uploads.put(key, upload_id, number, body)

    def finish_parts(self, key: str, upload_id: str, parts: Sequence[Part]) -> BlobInfo:
        if not self._uploads.exists(upload_id):
            return self.info(key)  # finished before: the client did not hear us
        upload = self._uploads.read(key, upload_id)
        info = self.put(
            key,
            self._uploads.joined(upload, parts, chunk_bytes=CHUNK_BYTES),
            content_type=upload.content_type,
            file_name=upload.file_name,
            expires_at=upload.expires_at,
            max_bytes=upload.max_bytes,
        )
        self._uploads.remove(upload_id)
        return info

    def stored(self, prefix: str, *, after: float, before: float) -> Iterator[Sequence[str]]:
        for folder in (self._folder / "objects").iterdir():
            keys: list[str] = []
            for card in folder.glob("*.json"):
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                    if after < card.stat().st_mtime < before:
                        keys.append(json.loads(card.read_bytes())["key"])
            yield [key for key in keys if key.startswith(prefix)]

    def sweep(self, *, now: float) -> int:
        gone = 0
        for marker in sorted(path.name for path in (self._folder / "expiring").glob(NUMBERED)):
            moment, _, name = marker.partition("-")
            if int(moment) > now:
                break
            gone += self._expire(marker, name, now)
        abandoned = now - ABANDONED_S
        gone += self._drafts.sweep(begun_before=abandoned)
        return gone + self._uploads.sweep(started_before=abandoned)

    def _commit(self, info: BlobInfo, draft: Draft) -> None:
        name = _name(info.key)
        card = self._card(name)
        card.parent.mkdir(exist_ok=True, mode=0o700)
        with self._drafts.write([json.dumps(asdict(info)).encode()]) as written:
            if info.expires_at is not None:
                # Before the object: an object without its marker would never be swept.
                (self._folder / "expiring" / f"{int(info.expires_at):012d}-{name}").touch()
            with self._alone():
                before = self._content_of_card(name)
                content = self._content(info)
                draft.path.rename(content)
                written.path.rename(card)
                if before is not None and before != content:
                    before.unlink(missing_ok=True)
        _sync_folder(card.parent)

    def _expire(self, marker: str, name: str, now: float) -> int:
        with self._alone():
            card = self._card(name)
            gone = False
            if card.exists():
                expires_at = json.loads(card.read_bytes())["expires_at"]
                gone = expires_at is not None and expires_at <= now
                if gone:
                    self._remove(name)
                elif expires_at is not None and int(expires_at) <= now:
                    return 0  # within this very second: the next sweep
            (self._folder / "expiring" / marker).unlink(missing_ok=True)
            return int(gone)

    def _remove(self, name: str) -> None:
        content = self._content_of_card(name)
        self._card(name).unlink(missing_ok=True)
        if content is not None:
            content.unlink(missing_ok=True)

    def _card(self, name: str) -> Path:
        return self._folder / "objects" / name[:2] / f"{name}.json"

    def _content(self, info: BlobInfo) -> Path:
        name = _name(info.key)
        return self._folder / "objects" / name[:2] / f"{name}-{info.sha256[:32]}"

    def _content_of_card(self, name: str) -> Path | None:
        try:
            return self._content(BlobInfo(**json.loads(self._card(name).read_bytes())))
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Renames of one object keep their order, whoever does them."""
        with (self._folder / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _name(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _chunks(source: Path | bytes | Iterable[bytes]) -> Iterable[bytes]:
    if isinstance(source, bytes):
        return [source]
    if isinstance(source, Path):
        return _read(source)
    return source


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _sync_folder(folder: Path) -> None:
    """Make the new names themselves survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
