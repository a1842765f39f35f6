"""Weights from a bucket onto a fast disk, before a replica loads them.

A manifest beside them names every file and the digest of each part of it. Parts are fetched by
many connections, because one S3 connection carries about 90 MB a second, and each is checked as it
arrives. Whoever is killed half-way leaves parts that the next one keeps: they are told by their
digests, so nothing has to be written down, and nothing that was cut off is ever loaded.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, ValidationError

from pilotlight.errors import SettingsError, Unavailable
from pilotlight.observability.logs import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

MANIFEST: Final = "manifest.json"
PART_BYTES: Final = 64 * 1024**2
CONNECTIONS: Final = 16
"""Fill a network card of 10 Gb/s."""
_TRIES: Final = 3
_PARTIAL: Final = ".partial"
_TWICE: Final = ("blobs",)
"""A model hub's cache holds each file twice: there by digest, and by name in a snapshot."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class File(_Part):
    path: str
    """Below the worker's folder, with slashes."""
    bytes: int
    parts: tuple[str, ...]
    """SHA-256 of each ``part_bytes`` of it, in order."""


class Manifest(_Part):
    part_bytes: int
    files: tuple[File, ...]


class Weights:
    """One worker's weights: in ``bucket`` below ``worker/``, here in ``folder/worker``."""

    def __init__(self, s3: S3Client, bucket: str, worker: str, folder: Path) -> None:
        self._s3, self._bucket, self._worker = s3, bucket, worker
        self.folder = folder / worker

    def fetch(self, on_part: Callable[[], None] = lambda: None) -> bool:
        """Return when every file is here as the manifest says; whether there is a manifest.

        ``on_part`` is called with every part, by any thread. Files that were fetched before for
        the same manifest are not read again. Raises Unavailable when S3 does not give them, or
        something else than was published.
        """
        text = self._read_manifest()
        if text is None:
            return False
        with _locked(self.folder):
            if self._has(text):
                return True
            manifest = _parsed(text, self._worker)
            for file in manifest.files:
                self._fetch(file, manifest.part_bytes, on_part)
            (self.folder / MANIFEST).write_text(text)
        event("weights.fetched", worker=self._worker, files=len(manifest.files))
        return True

    def publish(self, source: Path, *, part_bytes: int = PART_BYTES) -> Manifest:
        """Put every file below ``source`` into the bucket; the manifest last, so that nobody
        fetches half of it."""
        files = []
        for path in sorted(source.rglob("*")):
            name = path.relative_to(source).as_posix()
            if path.is_file() and name != MANIFEST and not set(_TWICE) & {*name.split("/")}:
                files.append(_described(path, name, part_bytes))
                self._s3.upload_file(str(path), self._bucket, self._key(name))
        manifest = Manifest(part_bytes=part_bytes, files=tuple(files))
        body = manifest.model_dump_json().encode()
        self._s3.put_object(Bucket=self._bucket, Key=self._key(MANIFEST), Body=body)
        return manifest

    def _key(self, name: str) -> str:
        return f"{self._worker}/{name}"

    def _read_manifest(self) -> str | None:
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._key(MANIFEST))
            return answer["Body"].read().decode()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise Unavailable(f"S3: {error}") from error
        except BotoCoreError as error:
            raise Unavailable(f"S3: {error}") from error

    def _has(self, text: str) -> bool:
        before = self.folder / MANIFEST
        return before.exists() and before.read_text() == text

    def _fetch(self, file: File, part_bytes: int, on_part: Callable[[], None]) -> None:
        path = self.folder / file.path
        if self.folder not in path.resolve().parents:
            raise SettingsError(f"the manifest of {self._worker} names {file.path}: not below it")
        partial = path.with_name(path.name + _PARTIAL)
        partial.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():  # of this manifest or another: its parts will tell
            path.rename(partial)
        with partial.open("r+b" if partial.exists() else "w+b") as out:
            os.ftruncate(out.fileno(), file.bytes)

            def fill(number: int) -> None:
                self._fill(file, number, part_bytes, out.fileno())
                on_part()

            with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="weights") as pool:
                for _ in pool.map(fill, range(len(file.parts))):
                    pass
        partial.rename(path)

    def _fill(self, file: File, number: int, part_bytes: int, out: int) -> None:
        start = number * part_bytes
        length = min(part_bytes, file.bytes - start)
        if _digest(os.pread(out, length, start)) == file.parts[number]:
            return
        for _ in range(_TRIES):
            body = self._read(file, start, length)
            if _digest(body) == file.parts[number]:
                os.pwrite(out, body, start)
                return
        raise Unavailable(f"part {number} of {file.path} is not what was published")

    def _read(self, file: File, start: int, length: int) -> bytes:
        wanted = f"bytes={start}-{start + length - 1}"
        try:
            answer = self._s3.get_object(
                Bucket=self._bucket, Key=self._key(file.path), Range=wanted
            )
            return answer["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"S3: {error}") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Replicas of one worker on one host fetch once; the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _parsed(text: str, worker: str) -> Manifest:
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise SettingsError(f"{worker}/{MANIFEST} in the weights bucket: {error}") from None


def _described(path: Path, name: str, part_bytes: int) -> File:
    parts = []
    with path.open("rb") as source:
        while body := source.read(part_bytes):
            parts.append(_digest(body))
    return File(path=name, bytes=path.stat().st_size, parts=tuple(parts))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
