"""ByteDance's OmniHuman."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import MIB, File
from pilotlight.contracts.media import ImageUrl, Media

Speech = Annotated[
    str,
    Media("audio", 200 * MIB, max_s=30),
    Field(description="What to say, 30 seconds at most."),
]


class OmniHuman(BaseModel):
    """Make the person in a picture speak a recording."""

    image_url: ImageUrl = Field(description="Who speaks.")
    audio_url: Speech


class Talking(BaseModel):
    video: File
    duration: float = Field(description="Seconds.")
