"""Services that do jobs for us: how they are asked."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import PositiveFloat, PositiveInt

from pilotlight.settings.group import Group


class UpstreamSettings(Group):
    """Another service that does jobs for us, paid with the owner's own key. A key is no setting:
    settings are written to replicas and shown, so only the name of its variable stands here."""

    speaks: Literal["fal", "openai"] = "fal"
    """fal: its queue. openai: the API of that name."""
    url: str
    """fal: its queue, ``https://queue.fal.run``. openai: its API, ``https://api.openai.com/v1``.
    Another Pilotlight is ``http://HOST:PORT/queue``. Without TLS on this machine only."""
    key_env: str
    """Environment variable that holds the key. Not one that begins with ``PILOTLIGHT_``:
    replicas do not inherit those."""
    files_url: str | None = None
    """fal: where inputs are uploaded, ``https://rest.fal.ai``. None sends them inline."""
    names: dict[str, str] = {}
    """What it calls an endpoint or a model, by our id, where that differs."""
    idempotent: bool = False
    """It honours ``Idempotency-Key``, as Pilotlight does: what is asked twice is done once."""
    unsure: Literal["fail", "again"] = "fail"
    """What to do when it may have taken a request whose answer was lost, and is not idempotent:
    fail the job, or ask again and perhaps pay twice."""
    poll_s: PositiveFloat = 5
    """Longest pause between two looks; a young request is looked at more often."""
    jobs: bool = False
    """openai: it answers ``"async": true`` with a request id, as Pilotlight does."""
    max_result_bytes: PositiveInt = 5 * 1024**3
    """Of one result file."""


KNOWN: Final = {
    "fal": UpstreamSettings(
        url="https://queue.fal.run", key_env="FAL_UPSTREAM_KEY", files_url="https://rest.fal.ai"
    ),
    "openai": UpstreamSettings(
        speaks="openai",
        url="https://api.openai.com/v1",
        key_env="OPENAI_UPSTREAM_KEY",
        unsure="again",
    ),
}
"""By the name that a relaying worker gives as its ``upstream``."""
