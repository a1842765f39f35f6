"""Kandinsky 5."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import Prompt, Steps

Resolution = Annotated[
    Literal["768x512", "512x768", "512x512"], Field(description="Width and height in pixels.")
]


class Kandinsky5Distilled(BaseModel):
    """A short film from a sentence, in few steps."""

    prompt: Prompt
    resolution: Resolution = "768x512"
    video_length: Literal["5s", "10s"] = "5s"


class Kandinsky5(Kandinsky5Distilled):
    """A short film from a sentence."""

    num_inference_steps: Steps = 30
