"""Bring the files of an input to this machine before the model runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.contracts.artifact import BLOB_SCHEME
from pilotlight.contracts.media import has_media, media_fields
from pilotlight.contracts.routes import own_id
from pilotlight.execution.child_run import endpoint_of, parse_input

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.contracts.job import Job
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.ports.blobs import Blobs


class Inputs:
    """Knows which endpoints take files, so that the others cost nothing."""

    def __init__(self, spec: WorkerSpec, blobs: Blobs) -> None:
        self._spec, self._blobs = spec, blobs
        self._with_media = {e.id for e in spec.endpoints if has_media(e.input)}

    def has_files(self, job: Job) -> bool:
        called = own_id(self._spec, job.endpoint)
        return called in self._with_media and BLOB_SCHEME in job.input

    def fetch(self, job: Job, folder: Path) -> dict[str, str]:
        """A local path for every media field, by what the field says.

        Raises InvalidInput or UnknownFile; anything else is the blob store's failure.
        """
        files: dict[str, str] = {}
        called = own_id(self._spec, job.endpoint)
        parsed = parse_input(endpoint_of(self._spec, called), job.input)
        for found in media_fields(parsed):
            if found.url.startswith(BLOB_SCHEME) and found.url not in files:
                folder.mkdir(parents=True, exist_ok=True)
                key = found.url.removeprefix(BLOB_SCHEME)
                files[found.url] = str(self._blobs.local_copy(key, folder))
        return files
