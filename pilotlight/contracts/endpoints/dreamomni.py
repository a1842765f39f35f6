"""DreamOmni 2."""

from __future__ import annotations

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import Image, Prompt
from pilotlight.contracts.media import ImageUrl


class Edit(BaseModel):
    """One picture from several, as a sentence says."""

    image_urls: list[ImageUrl] = Field(min_length=1, description="What to take from.")
    prompt: Prompt


class Edited(BaseModel):
    image: Image
