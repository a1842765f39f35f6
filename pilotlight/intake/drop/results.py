"""What became of dropped files, written beside them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from pilotlight.contracts.artifact import ARTIFACTS
from pilotlight.contracts.job import NO_TEXT, JobError, JobStatus
from pilotlight.errors import UnknownFile
from pilotlight.intake.drop import naming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pilotlight.contracts.job import Job
    from pilotlight.ports.blobs import Blobs
    from pilotlight.ports.drop import DropFolder, Dropped

_CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Written again, each says the same. Blocks on files."""

    folder: DropFolder
    blobs: Blobs

    def write(self, key: str, job: Job) -> None:
        """A job's files, then its result; or why there is none."""
        said: dict[str, Any] = {
            "key": naming.shown(key),
            "job_id": job.id,
            "endpoint": job.endpoint,
            "status": str(job.status),
            **{name: value for name, value in json.loads(job.options).items() if name != "key"},
        }
        if job.status is not JobStatus.SUCCEEDED:
            self._put(key, {**said, "error": json.loads(job.error or "{}")}, good=False)
            return
        if job.output == NO_TEXT:
            gone = UnknownFile("the output of this job is not kept any more")
            self._put(key, {**said, "error": asdict(JobError.of(gone))}, good=False)
            return
        names = []
        for number, artifact in enumerate(ARTIFACTS.validate_json(job.artifacts)):
            name = naming.file_name(key, number, artifact.file_name)
            names.append(naming.shown(name.rpartition("/")[2]))
            try:
                self.folder.write(name, _chunks(self.blobs.open(artifact.key)))
            except UnknownFile:  # it was kept for a shorter time than the job
                continue
        output = naming.linked(json.loads(job.output or "null"), names)
        self._put(key, {**said, "output": output, "files": names}, good=True)

    def refused(self, dropped: Dropped, error: JobError) -> None:
        """It never became a job."""
        said = {"key": naming.shown(dropped.key), "job_id": None, "status": "refused"}
        self._put(dropped.key, {**said, "error": asdict(error)}, good=False)

    def summary(self, key: str, head: Job, counts: dict[str, int]) -> None:
        said = {"key": naming.shown(key), "group_id": head.id, "status": str(head.status)}
        name = naming.beside_lines(key, naming.SUMMARY)
        self.folder.write(name, [_text({**said, "counts": counts})])

    def copied(self, name: str, file: BinaryIO) -> None:
        self.folder.write(name, _chunks(file))

    def _put(self, key: str, said: dict[str, Any], *, good: bool) -> None:
        self.folder.write(naming.result_name(key, good=good), [_text(said)])
        self.folder.remove(naming.result_name(key, good=not good))


def _text(said: dict[str, Any]) -> bytes:
    return json.dumps(said, indent=2, ensure_ascii=True).encode() + b"\n"


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
