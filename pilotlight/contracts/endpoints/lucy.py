"""Decart's Lucy."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import Prompt, SyncMode
from pilotlight.contracts.media import ImageUrl


class Lucy5b(BaseModel):
    """A five-second film from a picture, in about as long."""

    prompt: Prompt
    image_url: ImageUrl = Field(description="First frame.")
    aspect_ratio: Literal["9:16", "16:9"] = "16:9"
    sync_mode: SyncMode = True
