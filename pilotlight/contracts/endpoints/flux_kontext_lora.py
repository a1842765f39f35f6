"""FLUX.1 Kontext dev with adaptations of one's own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import (
    MAX_SIDE,
    MIB,
    Acceleration,
    Count,
    Guidance,
    Loras,
    PictureFormat,
    Prompt,
    SafetyChecker,
    Seed,
    Size,
    Steps,
    SyncMode,
)
from pilotlight.contracts.media import ImageUrl, Media

Source = Annotated[
    str,
    Media("image", 50 * MIB, max_width=MAX_SIDE, max_height=MAX_SIDE, fetch_s=20),
    Field(description="What to change."),
]


class Edit(BaseModel):
    """A picture changed as a sentence says."""

    image_url: Source
    prompt: Prompt
    num_inference_steps: Steps = 30
    seed: Seed = None
    guidance_scale: Guidance = 2.5
    sync_mode: SyncMode = False
    num_images: Count = 1
    enable_safety_checker: SafetyChecker = True
    output_format: PictureFormat = "png"
    loras: Loras = []
    acceleration: Acceleration = "none"
    resolution_mode: Annotated[
        Literal[
            "auto", "match_input", "1:1", "16:9", "21:9", "3:2", "2:3",
            "4:5", "5:4", "3:4", "4:3", "9:16", "9:21",
        ],
        Field(description="Shape of the result: a ratio, the input's own, or what suits."),
    ] = "match_input"  # fmt: skip


class Inpaint(BaseModel):
    """A masked part of a picture drawn anew, after a reference."""

    image_url: ImageUrl = Field(description="What to change.")
    prompt: Prompt
    num_inference_steps: Steps = 30
    seed: Seed = None
    guidance_scale: Guidance = 2.5
    sync_mode: SyncMode = False
    num_images: Count = 1
    enable_safety_checker: SafetyChecker = True
    output_format: PictureFormat = "png"
    loras: Loras = []
    acceleration: Acceleration = "none"
    reference_image_url: ImageUrl = Field(description="What to put there.")
    mask_url: ImageUrl = Field(description="White where to draw.")
    strength: Annotated[float, Field(ge=0, le=1, description="1 forgets what was there.")] = 0.88


class TextToImage(BaseModel):
    """A picture from a sentence."""

    prompt: Prompt
    image_size: Size = "landscape_4_3"
    num_inference_steps: Steps = 30
    seed: Seed = None
    guidance_scale: Guidance = 2.5
    sync_mode: SyncMode = False
    num_images: Count = 1
    enable_safety_checker: SafetyChecker = True
    output_format: PictureFormat = "png"
    loras: Loras = []
    acceleration: Acceleration = "none"
