"""Sonauto 2."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import Audio, Count, Seed


class TextToMusic(BaseModel):
    """Songs from a description, from tags or from a text."""

    prompt: str | None = Field(default=None, description="What the song is about.")
    tags: list[str] | None = Field(default=None, description="Its style.")
    lyrics_prompt: str | None = Field(default=None, description="Its text; empty: none is sung.")
    seed: Seed = None
    prompt_strength: float = Field(default=2, description="How closely to follow the prompt.")
    balance_strength: float = Field(default=0.7, description="More is more natural voices.")
    num_songs: Count = 1
    output_format: Literal["flac", "mp3", "wav", "ogg", "m4a"] = "wav"
    output_bit_rate: Literal[128, 192, 256, 320] | None = Field(
        default=None, description="Kilobits per second, for mp3 and m4a."
    )
    bpm: Annotated[
        int | Literal["auto"] | None, Field(description="Beats a minute; null leaves it open.")
    ] = "auto"


class Songs(BaseModel):
    seed: int
    tags: list[str]
    lyrics: str | None = None
    audio: list[Audio]
