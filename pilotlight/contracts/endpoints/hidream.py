"""HiDream I1."""

from __future__ import annotations

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import (
    Count,
    Guidance,
    NegativePrompt,
    PictureFormat,
    Prompt,
    SafetyChecker,
    Seed,
    Size,
    Steps,
    SyncMode,
    WeightsPath,
)


class NamedLora(BaseModel):
    """An adaptation out of a file or repository that may hold several."""

    path: WeightsPath = Field(description="URL of the weights, or a name the worker knows.")
    weight_name: str | None = Field(default=None, description="Which file of a repository.")
    scale: float = Field(default=1, ge=0, le=4, description="How strongly it is added.")


class HiDreamFull(BaseModel):
    """A picture from a sentence, by 17 billion open weights."""

    prompt: Prompt
    negative_prompt: NegativePrompt = ""
    image_size: Size | None = Field(default=None, description="Left out: 1024 x 1024 pixels.")
    num_inference_steps: Steps = 50
    seed: Seed = None
    guidance_scale: Guidance = 5
    sync_mode: SyncMode = False
    num_images: Count = 1
    enable_safety_checker: SafetyChecker = True
    output_format: PictureFormat = "jpeg"
    loras: list[NamedLora] = []
