"""A picture or a film with more pixels: a network trained by ``training/upscaling``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self

from pydantic import BaseModel, Field, model_validator

from pilotlight import (
    Context,
    Endpoint,
    Image,
    ImageUrl,
    InvalidInput,
    Problem,
    VideoUrl,
    Worker,
    WorkerSpec,
)
from pilotlight.contracts.endpoints.shapes import VideoFile
from workers.engines.media import pictures
from workers.engines.video import files as video_files
from workers.engines.video.files import Frame, Reel
from workers.engines.video.sound import Soundtrack
from workers.engines.video.upscaling import upscaler

if TYPE_CHECKING:
    from collections.abc import Iterator

WEIGHTS: Final = Path(__file__).parent / "upscaling" / "doubler.safetensors"
FIELD: Final = "video_url"
MOST_PIXELS: Final = 64_000_000
"""Of the picture that comes out."""


class Input(BaseModel):
    video_url: VideoUrl | None = Field(default=None, description="A film; or give image_url.")
    image_url: ImageUrl | None = Field(default=None, description="A picture; or give video_url.")
    scale: Annotated[float, Field(gt=1, le=8)] = 2

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.video_url is None) == (self.image_url is None):
            raise ValueError("give either video_url or image_url")
        return self


class Output(BaseModel):
    video: VideoFile | None = None
    image: Image | None = None


class Magnifier(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="upscale",
        endpoints=(
            Endpoint(
                id="pilotlight/upscale",
                task="fal/video-upscale",
                input=Input,
                output=Output,
                description="A picture or a film, up to eight times as wide and as high.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=3600,
    )

    def load(self) -> None:
        self.model: Any = upscaler(WEIGHTS)

    def run(self, job_input: Input, context: Context) -> Output:
        """A film keeps its sound and its frames' times. A cancelled job ends at the next piece."""
        if job_input.image_url is not None:
            return Output(image=self._picture(job_input.image_url, job_input.scale, context))
        return Output(video=self._film(str(job_input.video_url), job_input.scale, context))

    def _picture(self, url: str, scale: float, context: Context) -> Image:
        """Where it was see-through, it still is."""
        import numpy as np
        from PIL import Image as Pictures

        upright = pictures.picture(context.input_file(url), "image_url")
        _bearable(upright.width, upright.height, scale)
        solid = upright.getchannel("A") if upright.mode == "RGBA" else None
        small = np.asarray(upright.convert("RGB"))
        grown = self.model.enlarge(
            small, scale, low_memory=context.low_memory, on_tile=lambda: context.progress(0.5)
        )
        large = Pictures.fromarray(grown)
        if solid is not None:
            large.putalpha(solid.resize(large.size, Pictures.Resampling.BICUBIC))
        path = context.folder / "image.png"
        large.save(path)
        return Image.at(path, width=large.width, height=large.height, content_type="image/png")

    def _film(self, url: str, scale: float, context: Context) -> VideoFile:
        source = context.input_file(url)
        told = video_files.facts(source, FIELD)
        if words := video_files.too_large(told.width * scale, told.height * scale):
            raise _wrong(words)

        def grown() -> Iterator[Frame]:
            for number, frame in enumerate(video_files.frames(source, FIELD)):
                share, note = min(0.99, number / told.frames), f"frame {number + 1}"
                large = self.model.enlarge(
                    frame.pixels,
                    scale,
                    low_memory=context.low_memory,
                    on_tile=lambda share=share, note=note: context.progress(share, note),
                )
                yield Frame(large, frame.at)

        reel = Reel(rate=told.rate, sound=Soundtrack(source, field=FIELD))
        return video_files.write(context.folder / "video.mp4", grown(), reel)


def _bearable(width: int, height: int, scale: float) -> None:
    if width * height * scale * scale > MOST_PIXELS:
        words = f"makes {width} x {height} larger than {MOST_PIXELS} pixels; take less"
        raise _wrong(words)


def _wrong(words: str) -> InvalidInput:
    return InvalidInput(f"scale {words}", Problem(("body", "scale"), words, "value_error"))


WORKER = Magnifier
