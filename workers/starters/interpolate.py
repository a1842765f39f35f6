"""Frames between the frames of a film: RIFE HDv3 (MIT), on a GPU where there is one."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel

from pilotlight import Context, Endpoint, InvalidInput, Problem, Worker, WorkerSpec
from pilotlight.contracts.endpoints.shapes import VideoFile
from pilotlight.contracts.tasks.video import Interpolate
from workers.engines.video import files as video_files
from workers.engines.video.files import Frame, Reel
from workers.engines.video.interpolation import interpolator
from workers.engines.video.sound import Soundtrack
from workers.engines.weights.carried import weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIELD: Final = "video_url"


class Output(BaseModel):
    video: VideoFile


class Between(Worker[Interpolate, Output]):
    spec: ClassVar = WorkerSpec(
        name="interpolate",
        endpoints=(
            Endpoint(
                id="pilotlight/interpolate",
                task="fal/video-interpolate",
                input=Interpolate,
                output=Output,
                description="A film with two to sixteen times the frames, smoother or slower.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=3600,
    )

    def load(self) -> None:
        self.model: Any = interpolator(weights("rife") / "weights.safetensors")

    def run(self, job_input: Interpolate, context: Context) -> Output:
        """As long as before and in step with its sound; with ``fps``, as fast as that shows it.

        A cancelled job ends at the next piece of a frame.
        """
        source = context.input_file(job_input.video_url)
        told = video_files.facts(source, FIELD)
        if words := video_files.too_large(told.width, told.height):
            raise InvalidInput(f"{FIELD} {words}", Problem(("body", FIELD), words, "invalid_video"))
        usual = told.rate * job_input.factor
        rate = usual if job_input.fps is None else Fraction(job_input.fps)
        speed = rate / usual
        film = _Film(self.model, source, job_input.factor, told, context)
        path = context.folder / "video.mp4"
        shown = (Frame(one.pixels, one.at / speed) for one in film.frames())
        reel = Reel(rate=rate, sound=Soundtrack(source, speed, FIELD))
        video = video_files.write(path, shown, reel)
        context.progress(1)
        return Output(video=video)


class _Film:
    """One film on its way."""

    def __init__(
        self, model: Any, source: Path, factor: int, told: video_files.Facts, context: Context
    ) -> None:
        self.model, self.source, self.factor, self.context = model, source, factor, context
        self.told, self.done = told, 0

    def frames(self) -> Iterator[Frame]:
        """``factor`` for each frame: behind the last one nothing comes, so it stands still."""
        pair: tuple[Frame, Frame] | None = None
        for pair in itertools.pairwise(video_files.frames(self.source, FIELD)):
            yield from self._gap(*pair)
            self.done += 1
        last = pair[1] if pair else next(video_files.frames(self.source, FIELD))
        for step in range(self.factor):
            yield Frame(last.pixels, last.at + step / (self.told.rate * self.factor))

    def _gap(self, before: Frame, after: Frame) -> Iterator[Frame]:
        pair = self.model.pair(
            before.pixels,
            after.pixels,
            low_memory=self.context.low_memory,
            on_tile=self._working,
        )
        for step in range(self.factor):
            at = before.at + (after.at - before.at) * step / self.factor
            yield Frame(pair.at(step, self.factor), at)

    def _working(self) -> None:
        share = min(0.99, self.done / self.told.frames)
        self.context.progress(share, f"frame {self.done + 1} of about {self.told.frames}")


WORKER = Between
