"""What is posted when a job ends, and who may check it."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BODY_BYTES = 20 * 1024
"""Standard Webhooks asks for bodies under 20 KB; larger outputs travel as links."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One delivery, ready to be signed. ``id`` is the same on every try and every replay."""

    id: str
    request_id: str
    """The job's id, in fal's headers."""
    url: str
    body: bytes
    caller: str


def announcement_id(job_id: str, status: str) -> str:
    return f"wh_{job_id}_{status}"
