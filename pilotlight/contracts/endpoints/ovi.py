"""Ovi: films that speak."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import NegativePrompt, Prompt, Seed, Steps, Video
from pilotlight.contracts.media import ImageUrl

AudioNegative = Annotated[str, Field(description="What should not be heard.")]


class TextToVideo(BaseModel):
    """A film with sound from a sentence."""

    prompt: Prompt
    negative_prompt: NegativePrompt = "jitter, bad hands, blur, distortion"
    num_inference_steps: Steps = 30
    audio_negative_prompt: AudioNegative = "robotic, muffled, echo, distorted"
    seed: Seed = None
    resolution: Annotated[
        Literal["512x992", "992x512", "960x512", "512x960", "720x720", "448x1120", "1120x448"],
        Field(description="Width and height in pixels."),
    ] = "992x512"


class ImageToVideo(BaseModel):
    """A film with sound from a picture."""

    prompt: Prompt
    negative_prompt: NegativePrompt = "jitter, bad hands, blur, distortion"
    num_inference_steps: Steps = 30
    audio_negative_prompt: AudioNegative = "robotic, muffled, echo, distorted"
    seed: Seed = None
    image_url: ImageUrl = Field(description="Where the film begins.")


class SeededFilm(BaseModel):
    video: Video
    seed: int | None = None
