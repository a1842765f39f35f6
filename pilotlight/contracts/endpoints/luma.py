"""Luma's Dream Machine and Ray 2."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import Prompt
from pilotlight.contracts.media import ImageUrl, VideoUrl

Ratio = Literal["16:9", "9:16", "4:3", "3:4", "21:9", "9:21"]
Loop = Annotated[bool, Field(description="Let the end run into the beginning.")]
Resolution = Literal["540p", "720p", "1080p"]
Duration = Literal["5s", "9s"]
FirstImage = Annotated[ImageUrl, Field(description="First frame.")]
LastImage = Annotated[ImageUrl | None, Field(description="Last frame.")]
Guide = Annotated[ImageUrl | None, Field(description="First frame, changed already.")]
Edge = Annotated[int | None, Field(description="In pixels of the result.")]


class TextToVideo(BaseModel):
    """A film from a sentence."""

    prompt: Prompt
    aspect_ratio: Ratio = "16:9"
    loop: Loop = False


class Ray2TextToVideo(TextToVideo):
    """A film from a sentence, by Ray 2."""

    resolution: Resolution = "540p"
    duration: Duration = "5s"


class ImageToVideo(BaseModel):
    """A film that begins with a picture."""

    prompt: Prompt
    image_url: FirstImage
    end_image_url: LastImage = None
    aspect_ratio: Ratio = "16:9"
    loop: Loop = False


class Ray2ImageToVideo(BaseModel):
    """A film between two pictures, by Ray 2."""

    prompt: Prompt
    image_url: Annotated[ImageUrl | None, Field(description="First frame.")] = None
    end_image_url: LastImage = None
    aspect_ratio: Ratio = "16:9"
    loop: Loop = False
    resolution: Resolution = "540p"
    duration: Duration = "5s"


class Modify(BaseModel):
    """A film told again in another manner."""

    video_url: VideoUrl = Field(description="What to change.")
    image_url: Guide = None
    prompt: Annotated[str | None, Field(description="How it should become.")] = None
    mode: Annotated[
        Literal[
            "adhere_1", "adhere_2", "adhere_3", "flex_1", "flex_2", "flex_3",
            "reimagine_1", "reimagine_2", "reimagine_3",
        ],
        Field(description="How far it may go: from close to the film to quite another."),
    ] = "flex_1"  # fmt: skip


class Reframe(BaseModel):
    """A film in another shape; what the frame gains is drawn."""

    video_url: VideoUrl = Field(description="What to reframe.")
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4", "21:9", "9:21"]
    image_url: Guide = None
    grid_position_x: Edge = None
    grid_position_y: Edge = None
    prompt: Annotated[str | None, Field(description="What to draw around it.")] = None
    x_end: Edge = None
    x_start: Edge = None
    y_end: Edge = None
    y_start: Edge = None
