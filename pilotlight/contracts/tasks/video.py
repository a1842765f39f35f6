"""``fal/text-to-video`` and its neighbours: films take long, so nobody waits for the answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import Guidance, Prompt, Seed, Steps, VideoFile
from pilotlight.contracts.media import AudioUrl, ImageUrl, VideoUrl

Resolution = Literal["480p", "720p"]
Ratio = Literal["16:9", "9:16", "1:1"]
Frames = Annotated[int, Field(ge=1)]
Rate = Annotated[int, Field(ge=1, le=120, description="Frames a second.")]


class TextToVideo(BaseModel):
    """A film from a sentence. What is left out is the model's to choose."""

    prompt: Prompt
    resolution: Resolution | None = None
    aspect_ratio: Ratio | None = None
    num_inference_steps: Steps | None = None
    guidance_scale: Guidance | None = None
    num_frames: Frames | None = None
    fps: Rate | None = None
    seed: Seed = None
    output_format: Literal["mp4", "webm"] = "mp4"


class ImageToVideo(BaseModel):
    """A film that begins with a picture."""

    prompt: Prompt
    image_url: ImageUrl
    resolution: Resolution | None = None
    aspect_ratio: Ratio | None = None
    num_inference_steps: Steps | None = None
    guidance_scale: Guidance | None = None
    num_frames: Frames | None = None
    fps: Rate | None = None
    seed: Seed = None


class SpeechToVideo(BaseModel):
    """A face that speaks a recording."""

    audio_url: AudioUrl
    image_url: ImageUrl
    prompt: str | None = Field(default=None, description="The scene around it.")
    num_inference_steps: Steps | None = None
    guidance_scale: Guidance | None = None
    seed: Seed = None


class Interpolate(BaseModel):
    """Frames between the frames of a film."""

    video_url: VideoUrl
    factor: Annotated[int, Field(ge=2, le=16)] = 2
    fps: Rate | None = Field(default=None, description="Left out: the film keeps its length.")


class Upscale(BaseModel):
    """A film with more pixels."""

    video_url: VideoUrl
    scale: Annotated[float, Field(gt=1, le=8)] = 2


class Film(BaseModel):
    video: VideoFile
    seed: int | None = None
