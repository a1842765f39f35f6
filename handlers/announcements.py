"""A finished job's webhook, in the words of the dialect or source that took the job in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from handlers.dialect import Announce
from pilotlight.contracts.job import Job, JobStatus
from pilotlight.intake.control import Control


class Announcer(Protocol):
    """A dialect or a source."""

    @property
    def announce(self) -> Announce: ...


class Renderer:
    """``renderer(job)`` is the body to post; its files are below ``base_url``."""

    def __init__(
        self, control: Control, announcers: Mapping[str, Announcer], *, base_url: str
    ) -> None:
        self._control, self._announcers, self._base_url = control, announcers, base_url

    def __call__(self, job: Job, *, thin: bool = False) -> bytes:
        """``thin`` leaves the output out. Raises KeyError for an unknown origin."""
        error = None if job.status is JobStatus.SUCCEEDED else self._control.error(job)
        output = None
        if error is None and not thin:
            output = self._control.output(job, base_url=self._base_url)
        said = self._announcers[job.origin].announce(job, output=output, error=error)
        return json.dumps(said, separators=(",", ":")).encode()
