"""Creatify's lip sync."""

from __future__ import annotations

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints import shapes
from pilotlight.contracts.media import AudioUrl, VideoUrl


class Lipsync(BaseModel):
    """Make the person in a film speak a recording."""

    audio_url: AudioUrl = Field(description="What to say.")
    video_url: VideoUrl = Field(description="Who says it.")
    loop: bool = Field(default=True, description="Repeat a film that ends before the recording.")


class Spoken(BaseModel):
    video: shapes.Video
