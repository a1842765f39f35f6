"""Moondream 3: looking at pictures."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import MIB, Image
from pilotlight.contracts.media import Media

Picture = Annotated[
    str,
    Media("image", 50 * MIB, max_width=7000, max_height=7000, fetch_s=20),
    Field(description="Where to look."),
]


class Detect(BaseModel):
    """Find a kind of thing in a picture."""

    image_url: Picture
    prompt: str = Field(description="What to find.")
    preview: bool = Field(default=False, description="Also return the picture with boxes on it.")


class UsageInfo(BaseModel):
    """Times in milliseconds."""

    input_tokens: int
    output_tokens: int
    prefill_time_ms: float
    decode_time_ms: float
    ttft_ms: float
    """Until the first token."""


class Box(BaseModel):
    """Edges as shares of the picture's sides, 0 to 1."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class Found(BaseModel):
    finish_reason: str
    usage_info: UsageInfo
    objects: list[Box]
    image: Image | None = None
