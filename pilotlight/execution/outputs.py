"""Put the files of an output into the blob store, and their places into the output."""

from __future__ import annotations

import json
import mimetypes
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.artifact import ARTIFACT_SCHEME, ARTIFACTS, Artifact
from pilotlight.errors import PilotlightError
from pilotlight.execution.attempt import Succeeded
from pilotlight.execution.file_urls import FILE_SCHEME, replace_files
from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from pilotlight.contracts.job import Job
    from pilotlight.ports.blobs import BlobInfo, Blobs
    from pilotlight.ports.clock import Clock

_WAITS_S: Final = (0.2, 0.8, 3.2, 10.0)
"""Between the tries to store one file: a hiccup of the blob store must not cost a run."""
_SAFE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")


def has_files(output: str) -> bool:
    """Whether the JSON text may name files; without it there is nothing to store."""
    return FILE_SCHEME in output


@dataclass(frozen=True, slots=True)
class FoundFile:
    path: Path
    key: str
    described: Mapping[str, Any]
    """The object around its URL: its own words on type, name and sides."""

    @property
    def content_type(self) -> str:
        said = self.described.get("content_type")
        if isinstance(said, str) and said:
            return said
        return mimetypes.guess_type(self.path.name)[0] or "application/octet-stream"

    @property
    def file_name(self) -> str:
        said = self.described.get("file_name")
        return said if isinstance(said, str) and said else self.path.name

    def artifact(self, info: BlobInfo) -> Artifact:
        width, height = self.described.get("width"), self.described.get("height")
        return Artifact(
            key=self.key,
            file_name=self.file_name,
            content_type=self.content_type,
            size=info.size,
            sha256=info.sha256,
            width=width if isinstance(width, int) else None,
            height=height if isinstance(height, int) else None,
        )


def find_files(output: str, *, folder: Path, job: Job) -> tuple[str, list[FoundFile]]:
    """The output with ``artifact:N`` for each file, and the files in that order.

    A file named twice is one artifact. Keys hold the fence, so that no attempt can write over
    another's. Raises WorkerError for a file that does not lie in ``folder``.
    """
    found: dict[Path, FoundFile] = {}

    def replace(path: Path, around: Mapping[str, Any]) -> str:
        if path not in found:
            prefix = f"results/{job.id}/{job.fence}/"
            taken = {file.key.removeprefix(prefix) for file in found.values()}
            found[path] = FoundFile(path, prefix + _name(path, taken), around)
        return f"{ARTIFACT_SCHEME}{list(found).index(path)}"

    replaced = replace_files(json.loads(output), folder=folder, replace=replace)
    return json.dumps(replaced, separators=(",", ":")), list(found.values())


def _name(path: Path, taken: AbstractSet[str]) -> str:
    """The file's own name where it is harmless and free."""
    suffix = path.suffix if _SAFE_NAME.fullmatch(path.suffix[1:]) else ""
    name = path.name if _SAFE_NAME.fullmatch(path.name) else f"file{suffix}"
    while name in taken:
        name = f"{len(taken)}-{name}"
    return name


@dataclass(frozen=True, slots=True)
class Outputs:
    """Stores one output; runs on a background thread."""

    blobs: Blobs
    clock: Clock

    def store(self, output: str, *, folder: Path, job: Job) -> Succeeded:
        """Store every file. What is already stored is deleted again when one cannot be.

        Raises WorkerError for a file outside of the folder, else what the blob store raised.
        """
        text, files = find_files(output, folder=folder, job=job)
        stored: list[Artifact] = []
        try:
            stored += [file.artifact(self._put(file)) for file in files]
        except BaseException:
            self.delete([file.key for file in files])
            raise
        artifacts = ARTIFACTS.dump_json(stored).decode()
        return Succeeded(text, artifacts, tuple(artifact.key for artifact in stored))

    def delete(self, keys: list[str] | tuple[str, ...]) -> None:
        """Best effort: a file that stays is swept with its prefix one day."""
        for key in keys:
            try:
                self.blobs.delete(key)
            except Exception:  # noqa: BLE001 - a port may fail in its vendor's own words
                logs.failure("output.not_deleted", key=key)

    def _put(self, file: FoundFile) -> BlobInfo:
        for wait_s in _WAITS_S:
            try:
                return self._put_once(file)
            except Exception as error:
                if isinstance(error, PilotlightError) and not error.retryable:
                    raise
                logs.failure("output.put_failed", key=file.key)
                self.clock.sleep(wait_s)
        return self._put_once(file)

    def _put_once(self, file: FoundFile) -> BlobInfo:
        return self.blobs.put(
            file.key, file.path, content_type=file.content_type, file_name=file.file_name
        )
