"""Black Forest Labs' FLUX.1 pro: Kontext and Redux."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import (
    Count,
    Digits,
    Guidance,
    Image,
    PictureFormat,
    Prompt,
    SafetyChecker,
    Seed,
    Size,
    Steps,
    SyncMode,
    Timings,
)
from pilotlight.contracts.media import ImageUrl

Ratio = Literal["21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"]
Tolerance = Annotated[
    Literal["1", "2", "3", "4", "5", "6"],
    Digits,
    Field(description="How much the safety checker lets pass; 1 is the strictest."),
]
EnhancePrompt = Annotated[bool, Field(description="Let the prompt be rewritten first.")]


class _Kontext(BaseModel):
    prompt: Prompt
    seed: Seed = None
    guidance_scale: Guidance = 3.5
    sync_mode: SyncMode = False
    num_images: Count = 1
    output_format: PictureFormat = "jpeg"
    safety_tolerance: Tolerance = "2"
    enhance_prompt: EnhancePrompt = False


class TextToImage(_Kontext):
    """A picture from a sentence."""

    aspect_ratio: Ratio = "1:1"


class Edit(_Kontext):
    """A picture changed as a sentence says."""

    aspect_ratio: Ratio | None = None
    image_url: ImageUrl = Field(description="What to change.")


class EditSeveral(_Kontext):
    """One picture from several, as a sentence says."""

    aspect_ratio: Ratio | None = None
    image_urls: list[ImageUrl] = Field(min_length=1, description="What to take from.")


class Redux(BaseModel):
    """A variation of a picture."""

    prompt: Prompt = ""
    image_size: Size = "landscape_4_3"
    num_inference_steps: Steps = 28
    seed: Seed = None
    guidance_scale: Guidance = 3.5
    sync_mode: SyncMode = False
    num_images: Count = 1
    output_format: PictureFormat = "jpeg"
    safety_tolerance: Tolerance = "2"
    enhance_prompt: EnhancePrompt = False
    image_url: ImageUrl = Field(description="What to vary.")


class UltraRedux(BaseModel):
    """A variation of a picture, in high resolution."""

    prompt: Prompt = ""
    seed: Seed = None
    sync_mode: SyncMode = False
    num_images: Count = 1
    enable_safety_checker: SafetyChecker = True
    output_format: PictureFormat = "jpeg"
    safety_tolerance: Tolerance = "2"
    enhance_prompt: EnhancePrompt = False
    image_url: ImageUrl = Field(description="What to vary.")
    image_prompt_strength: Annotated[float, Field(ge=0, le=1)] = 0.1
    aspect_ratio: Ratio | str = "16:9"
    raw: bool = Field(default=False, description="Less polished, more like a snapshot.")


class DetailedPictures(BaseModel):
    """As the other FLUX endpoints, with all there is to say about each file."""

    images: list[Image]
    timings: Timings | None = None
    seed: int | None = None
    has_nsfw_concepts: list[bool] | None = None
    prompt: str | None = None
