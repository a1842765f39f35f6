"""FLUX.1 Krea with adaptations of one's own."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import (
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


class Krea(BaseModel):
    """A picture from a sentence, step by step."""

    prompt: Prompt
    image_size: Size = "landscape_4_3"
    num_inference_steps: Steps = 28
    seed: Seed = None
    loras: Loras = []
    guidance_scale: Guidance = 3.5
    sync_mode: SyncMode = False
    num_images: Annotated[
        int, Field(ge=1, le=10, description="Always taken for 1 when streaming.")
    ] = 1
    enable_safety_checker: SafetyChecker = True
    output_format: PictureFormat = "jpeg"
