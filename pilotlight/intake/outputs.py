"""A stored output as its caller reads it: every ``artifact:N`` becomes a URL, or the bytes."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from pilotlight.contracts.artifact import ARTIFACTS, place_in
from pilotlight.contracts.job import NO_TEXT
from pilotlight.errors import NotFinished, UnknownFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.contracts.artifact import Artifact
    from pilotlight.contracts.job import Job
    from pilotlight.ports.blobs import Blobs


def render(job: Job, blobs: Blobs, *, base_url: str, inline: bool = False) -> bytes:
    """JSON bytes. ``inline`` embeds the files as data URIs.

    Raises NotFinished for a job without an output, UnknownFile for one whose text is gone.
    """
    if job.output is None:
        raise NotFinished(f"the job is {job.status}", job_id=job.id)
    if job.output == NO_TEXT:
        raise UnknownFile("the output of this job is not kept any more", job_id=job.id)
    if job.artifacts == "[]":
        return job.output.encode()
    artifacts = ARTIFACTS.validate_json(job.artifacts)
    expires_at = (
        None if job.artifact_ttl_s is None or job.ended_at is None
        else job.ended_at + job.artifact_ttl_s
    )  # fmt: skip

    def link(artifact: Artifact) -> str:
        if inline:
            with blobs.open(artifact.key) as file:
                data = base64.b64encode(file.read()).decode()
            return f"data:{artifact.content_type};base64,{data}"
        return blobs.get_url(artifact.key, base_url=base_url, expires_at=expires_at)

    linked = _linked(json.loads(job.output), artifacts, link)
    return json.dumps(linked, separators=(",", ":"), ensure_ascii=False).encode()


def _linked(value: Any, artifacts: list[Artifact], link: Callable[[Artifact], str]) -> Any:
    if isinstance(value, dict):
        return {key: _linked(item, artifacts, link) for key, item in value.items()}
    if isinstance(value, list):
        return [_linked(item, artifacts, link) for item in value]
    if isinstance(value, str):
        place = place_in(value, len(artifacts))
        return value if place is None else link(artifacts[place])
    return value
