"""Bring the files of an input to this machine before the model runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.contracts.artifact import BLOB_SCHEME
from pilotlight.contracts.media import has_media, media_fields
from pilotlight.contracts.routes import files_by
from pilotlight.execution.child_run import parse_input

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.contracts.job import Job
    from pilotlight.contracts.worker import WorkerSpec
    from pilotlight.ports.blobs import Blobs


class Inputs:
    """Knows which endpoints take files, so that the others cost nothing."""

    def __init__(self, spec: WorkerSpec, blobs: Blobs) -> None:
        self._spec, self._blobs = spec, blobs

    def has_files(self, job: Job) -> bool:
        if BLOB_SCHEME not in job.input:
            return False
        model = files_by(self._spec, job.endpoint)
        return model is not None and has_media(model)

    def fetch(self, job: Job, folder: Path) -> dict[str, str]:
        """A local path for every media field, by what the field says.

        Raises InvalidInput or UnknownFile; anything else is the blob store's failure.
        """
        files: dict[str, str] = {}
        model = files_by(self._spec, job.endpoint)
        assert model is not None  # has_files said so
        for found in media_fields(parse_input(model, job.input)):
            if found.url.startswith(BLOB_SCHEME) and found.url not in files:
                folder.mkdir(parents=True, exist_ok=True)
                key = found.url.removeprefix(BLOB_SCHEME)
                files[found.url] = str(self._blobs.local_copy(key, folder))
        return files
