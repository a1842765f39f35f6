"""Google's Imagen."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import File, NegativePrompt, Prompt, Seed


class Imagen4(BaseModel):
    """A picture from a sentence, with fine detail and readable lettering."""

    prompt: Prompt
    negative_prompt: NegativePrompt = ""
    aspect_ratio: Literal["1:1", "16:9", "9:16", "3:4", "4:3"] = "1:1"
    num_images: Annotated[int, Field(ge=1, le=4)] = 1
    seed: Seed = None
    resolution: Literal["1K", "2K"] = "1K"


class Images(BaseModel):
    images: list[File]
    seed: int | None = None
