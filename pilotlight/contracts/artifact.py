"""A file that a job made, as the row remembers it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, TypeAdapter


class Artifact(BaseModel):
    """``sha256`` is of the stored bytes; ``width`` and ``height`` are pixels, for pictures."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    key: str
    """Where it lies in the blob store: ``results/JOB/FENCE/NAME``."""
    file_name: str
    content_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None


ARTIFACTS = TypeAdapter(list[Artifact])
"""Reads and writes the ``artifacts`` column."""

ARTIFACT_SCHEME = "artifact:"
"""In a stored output a file's ``url`` is ``artifact:N``, N an index into the row's artifacts."""
BLOB_SCHEME = "blob:"
"""In a stored input a media field is ``blob:KEY``: our own copy, never the caller's URL."""


def place_in(text: str, count: int) -> int | None:
    """Which of ``count`` artifacts a text of the output stands for; None for all other text.

    A worker may repeat its caller's own words, and those may begin with ``artifact:`` too.
    """
    number = text.removeprefix(ARTIFACT_SCHEME)
    if number == text or not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    return int(number) if int(number) < count else None
