"""What the public contracts share: files, sizes, weights, and the fields that most models have.

Every default and limit that only one model has stands with that model. Limits here: 1 to 10
results and weights from 0 to 4 as the task types say, sides up to 14142 pixels as fal loads them.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pilotlight.contracts import media
from pilotlight.contracts.media import Media

MIB: Final = 1024 * 1024
MAX_SIDE: Final = 14142
"""Pixels."""

WeightsPath = Annotated[str, Media("weights", 2048 * MIB, names_too=True)]


class File(media.File):
    """A file as most of fal's endpoints describe it; one that :meth:`pilotlight.File.at` made is
    taken as it is."""

    model_config = ConfigDict(from_attributes=True)

    file_data: str | None = None
    """Never set by us: a file travels by its URL."""


class Image(File):
    """A picture; sides in pixels."""

    width: int | None = None
    height: int | None = None


class PlainImage(BaseModel):
    """A picture as fal's older image endpoints describe it."""

    model_config = ConfigDict(from_attributes=True)

    url: str
    width: int | None = None
    height: int | None = None
    content_type: str = "image/jpeg"


class Video(media.File):
    """A film."""

    model_config = ConfigDict(from_attributes=True)


class Audio(media.File):
    """A recording."""

    model_config = ConfigDict(from_attributes=True)


class VideoFile(File):
    """A film with what it is made of; ``duration`` in seconds."""

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    duration: float | None = None
    num_frames: int | None = None


class ImageSize(BaseModel):
    """Sides in pixels."""

    width: int = Field(default=512, gt=0, le=MAX_SIDE)
    height: int = Field(default=512, gt=0, le=MAX_SIDE)


class LoraWeight(BaseModel):
    """A low-rank adaptation that is added to the model."""

    path: WeightsPath = Field(description="URL of the weights, or a name the worker knows.")
    scale: float = Field(default=1, ge=0, le=4, description="How strongly it is added.")


def _as_text(value: object) -> object:
    """``4`` for ``"4"``: fal's own examples write both."""
    return str(value) if type(value) is int else value


Digits = BeforeValidator(_as_text)
"""For enumerations of digits."""

SizeName = Literal[
    "square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"
]
Size = Annotated[ImageSize | SizeName, Field(description="A named size, or sides in pixels.")]
Prompt = Annotated[str, Field(description="What it should show or be, in words.")]
NegativePrompt = Annotated[str, Field(description="What to keep out of it.")]
Seed = Annotated[int | None, Field(description="The same seed and input, the same result.")]
Steps = Annotated[int, Field(ge=1, description="Denoising steps: more take longer.")]
Guidance = Annotated[float, Field(ge=0, description="How closely to follow the prompt.")]
Count = Annotated[int, Field(ge=1, le=10, description="How many results.")]
SyncMode = Annotated[bool, Field(description="Return files inline, as data URIs.")]
SafetyChecker = Annotated[bool, Field(description="Look at results before they are returned.")]
PictureFormat = Annotated[Literal["jpeg", "png"], Field(description="Kind of file.")]
Loras = Annotated[list[LoraWeight], Field(description="Adaptations, added one upon the other.")]
Acceleration = Annotated[
    Literal["none", "regular", "high"], Field(description="Faster, at some cost in quality.")
]
Timings = dict[str, float]
"""Seconds by stage."""


class Pictures(BaseModel):
    """What fal's diffusion endpoints return."""

    images: list[PlainImage]
    timings: Timings | None = None
    seed: int | None = None
    has_nsfw_concepts: list[bool] | None = None
    prompt: str | None = None


class Film(BaseModel):
    """One film."""

    video: File
