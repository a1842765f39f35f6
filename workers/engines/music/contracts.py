"""``fal/text-to-music`` as the workers here take it: a description, what is sung, and how long."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import (
    Audio,
    Seed,
)

SHORTEST_S, LONGEST_S = 10, 240
"""ACE-Step 1.5 makes 10 seconds to 10 minutes, its makers say; four fit on the GPU declared."""


class Compose(BaseModel):
    """Music from a description, sung where there are lyrics."""

    prompt: str = Field(
        min_length=1,
        max_length=2000,
        description="Style, mood and instruments.",
        examples=["a slow piano waltz, warm, recorded in a small room"],
    )
    lyrics: str = Field(
        default="",
        max_length=8000,
        description="What is sung; [verse] and [chorus] mark its parts. Empty: nothing is.",
    )
    vocal_language: str = Field(
        default="en", pattern="^[a-z]{2,3}$", description="Of the lyrics, such as en or zh."
    )
    duration: float = Field(default=60, ge=SHORTEST_S, le=LONGEST_S, description="Seconds.")
    bpm: int | None = Field(
        default=None, ge=30, le=300, description="Beats a minute; left out, the model's choice."
    )
    seed: Seed = None
    num_inference_steps: int = Field(
        default=8, ge=1, le=50, description="Denoising steps: more take longer."
    )
    output_format: Literal["wav", "mp3", "flac"] = "wav"


class Music(BaseModel):
    audio: Audio
    duration: float
    """Seconds."""
    sample_rate: int
    seed: int
    timings: dict[str, float]
    """Seconds by stage."""
