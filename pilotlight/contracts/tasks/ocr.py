"""``fal/ocr``: the text in a picture of a page."""

from __future__ import annotations

from pydantic import BaseModel, Field

from pilotlight.contracts.media import ImageUrl


class Ocr(BaseModel):
    image_url: ImageUrl
    prompt: str | None = Field(default=None, description="What to look for, or how to write it.")


class Text(BaseModel):
    text: str
