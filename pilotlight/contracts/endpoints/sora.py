"""OpenAI's Sora 2."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import Digits, Prompt, VideoFile


class Sora2Pro(BaseModel):
    """A film with sound from a sentence."""

    api_key: str | None = Field(default=None, description="One's own key with OpenAI.")
    prompt: Prompt
    resolution: Literal["720p", "1080p"] = "1080p"
    aspect_ratio: Literal["9:16", "16:9"] = "16:9"
    duration: Annotated[
        Literal["4", "8", "12"], Digits, Field(description="Length in seconds.")
    ] = "4"


class FilmWithId(BaseModel):
    video: VideoFile
    video_id: str
