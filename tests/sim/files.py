"""Blobs in memory."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pilotlight.errors import UnknownFile
from pilotlight.ports.blobs import BlobInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.sim.process import Process


class Shelf:
    def __init__(self) -> None:
        self.files: dict[str, tuple[BlobInfo, bytes]] = {}
        self.brought_by: dict[str, str] = {}
        """The process that stored each."""

    def put(self, info: BlobInfo, data: bytes, by: str) -> BlobInfo:
        self.files[info.key], self.brought_by[info.key] = (info, data), by
        return info

    def get(self, key: str) -> tuple[BlobInfo, bytes]:
        try:
            return self.files[key]
        except KeyError:
            raise UnknownFile(f"there is no file {key}", key=key) from None

    def delete(self, key: str) -> None:
        self.files.pop(key, None)


class SimBlobs:
    """What intake and execution use of the Blobs port."""

    def __init__(self, shelf: Shelf, process: Process) -> None:
        self._shelf, self._call, self._name = shelf, process.call, process.name

    def put(self, key: str, source: Any, *, content_type: str, **more: Any) -> BlobInfo:
        data = source.read_bytes() if isinstance(source, Path) else bytes(source)
        sha256 = hashlib.sha256(data).hexdigest()
        file_name = more.get("file_name", "")
        info = BlobInfo(key, len(data), sha256, content_type, file_name, more.get("expires_at"))
        return self._call("blobs.put", self._shelf.put, info, data, self._name)

    def info(self, key: str) -> BlobInfo:
        return self._call("blobs.info", self._shelf.get, key)[0]

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self._call("blobs.open", self._shelf.get, key)[1])

    def local_copy(self, key: str, folder: Path) -> Path:
        _, data = self._call("blobs.local_copy", self._shelf.get, key)
        path = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        path.write_bytes(data)
        return path

    def delete(self, key: str) -> None:
        self._call("blobs.delete", self._shelf.delete, key)

    def get_url(self, key: str, *, base_url: str, expires_at: float | None) -> str:
        return f"{base_url}/files/{key}"

    def own_key(self, url: str) -> str | None:
        return None

    def stored(self, prefix: str, *, after: float, before: float) -> Iterator[Sequence[str]]:
        return iter(())

    def sweep(self, *, now: float) -> int:
        return 0
