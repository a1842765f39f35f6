"""``fal/text-to-image``, ``fal/image-edit`` and ``openai/image-generation``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import (
    Count,
    Guidance,
    Image,
    ImageSize,
    Loras,
    NegativePrompt,
    Prompt,
    SafetyChecker,
    Seed,
    SizeName,
    Steps,
    SyncMode,
    Timings,
)
from pilotlight.contracts.media import ImageUrl

Format = Literal["png", "jpeg", "webp"]


class TextToImage(BaseModel):
    """Pictures from a sentence. What is left out is the model's to choose."""

    prompt: Prompt
    negative_prompt: NegativePrompt = ""
    image_size: ImageSize | SizeName | None = None
    num_inference_steps: Steps | None = None
    guidance_scale: Guidance | None = None
    num_images: Count = 1
    seed: Seed = None
    loras: Loras = []
    enable_safety_checker: SafetyChecker = True
    output_format: Format = "png"
    sync_mode: SyncMode = False


MaskBy = Annotated[
    Literal["white", "transparent"],
    Field(
        description="How the mask marks what may change; fal's are white there, OpenAI's transparent."
    ),
]


class ImageEdit(BaseModel):
    """A picture changed as a sentence says, or only where a mask lets it."""

    prompt: Prompt
    image_url: ImageUrl
    mask_url: ImageUrl | None = None
    mask_by: MaskBy = "white"
    strength: Annotated[float, Field(ge=0, le=1)] | None = None
    num_inference_steps: Steps | None = None
    guidance_scale: Guidance | None = None
    num_images: Count = 1
    seed: Seed = None
    loras: Loras = []
    output_format: Format = "png"
    sync_mode: SyncMode = False


class Images(BaseModel):
    """Of text-to-image and of image-edit alike; ``seed`` is that of the first."""

    images: list[Image]
    seed: int | None = None
    timings: Timings | None = None
    has_nsfw_concepts: list[bool] | None = None
    prompt: str | None = None


class Generate(BaseModel):
    """Pictures from a sentence, as OpenAI's clients ask for them."""

    prompt: Prompt
    model: str | None = None
    n: Annotated[int, Field(ge=1, le=10)] = 1
    size: str | None = Field(
        default=None, pattern=r"^(auto|[1-9]\d{1,4}x[1-9]\d{1,4})$", description="1024x1024."
    )
    quality: Literal["standard", "hd", "low", "medium", "high", "auto"] | None = None
    response_format: Literal["url", "b64_json"] = "url"
    output_format: Format = "png"


class Generated(BaseModel):
    """Files; a dialect puts their bytes inline where that was asked for."""

    data: list[Image]
