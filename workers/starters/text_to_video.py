"""Films of a flat shape from a sentence: a cascade of the two models that lie in this repository.

``pilotlight/shapes`` draws the first frame, which is framed so that there is room for the motion;
``pilotlight/image-to-video`` sets it in motion by the same sentence. Nothing is chosen or tried again in between: one seed, one picture, one film.
"""

from __future__ import annotations

import secrets
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from pydantic import BaseModel, Field

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.endpoints.shapes import VideoFile
from workers.engines.diffusers.image_to_video import ltx_image_to_video
from workers.engines.diffusers.text_to_image import flux_text_to_image
from workers.engines.sight.safety import Safety
from workers.engines.video import files as video_files
from workers.engines.video.first_frame import framed, framing, still_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL.Image import Image

PICTURES: Final = Path(__file__).parent / "shapes"
FILMS: Final = Path(__file__).parent / "shapes-video"


class Input(BaseModel):
    prompt: str = Field(
        min_length=1,
        max_length=500,
        description="One flat shape (circle, square, triangle, cross), its colour, the "
        "background's, and what it does: moving right, left, up or down, growing, shrinking, "
        "staying still.",
        examples=["a red circle moving right on a blue background"],
    )
    num_inference_steps: int | None = Field(
        default=None,
        ge=1,
        le=50,
        description="Steps of the film; left out, as suits the model. The first frame takes as "
        "many as suit its own.",
    )
    guidance_scale: float | None = Field(
        default=None, ge=0, le=20, description="Of the film; none up to 1."
    )
    num_frames: Literal[9] = Field(
        default=9, description="The model makes nine frames and nothing else."
    )
    fps: int = Field(default=8, ge=1, le=60, description="How fast the frames are shown.")
    seed: int | None = Field(
        default=None, ge=0, le=2**53 - 1, description="Of the first frame and of the film."
    )
    output_format: Literal["mp4", "webm"] = "mp4"
    enable_safety_checker: bool = Field(
        default=True, description="Look at the film before it is returned; an unfit one is black."
    )


class Output(BaseModel):
    video: VideoFile
    seed: int
    has_nsfw_concepts: list[bool] | None = Field(
        description="One answer for the film; null where it was not looked at."
    )


class Cascade(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="text-to-video",
        endpoints=(
            Endpoint(
                id="pilotlight/text-to-video",
                task="fal/text-to-video",
                input=Input,
                output=Output,
                description="A flat shape that moves, grows or shrinks, from a sentence.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=120,
        max_replicas=2,
    )

    def load(self) -> None:
        self.pictures = flux_text_to_image(PICTURES)
        self.films = ltx_image_to_video(FILMS)
        self.safety = Safety()

    def run(self, job_input: Input, context: Context) -> Output:
        """A cancelled job ends at the next step of either model."""
        if unread := self.films.unread(job_input.prompt):
            context.log(f"the prompt is too long, the model does not read its end: {unread!r}")
        seed = secrets.randbelow(2**32) if job_input.seed is None else job_input.seed
        steps = job_input.num_inference_steps or self.films.defaults["num_inference_steps"]
        before = self.pictures.defaults["num_inference_steps"]

        def stepped(done: int, words: str) -> None:
            context.progress(done / (before + steps + 1), words)

        context.log(f"the first frame: {still_words(job_input.prompt)}")
        picture = self.first_frame(
            job_input.prompt,
            seed=seed,
            on_step=lambda step: stepped(step, f"first frame, step {step} of {before}"),
        )
        made = self.film(
            job_input,
            picture,
            seed=seed,
            on_step=lambda step: stepped(before + step, f"film, step {step} of {steps}"),
            low_memory=context.low_memory,
        )
        asked = job_input.enable_safety_checker
        unfit = self.safety.unfit_film(made, asked=asked, log=context.log)
        made = made * 0 if unfit and unfit[0] else made
        rate = Fraction(job_input.fps)
        frames = (video_files.Frame(one, number / rate) for number, one in enumerate(made))
        path = context.folder / f"video.{job_input.output_format}"
        reel = video_files.Reel(rate=rate, form=job_input.output_format)
        video = video_files.write(path, frames, reel)
        context.progress(1)
        return Output(video=video, seed=seed, has_nsfw_concepts=unfit)

    def first_frame(self, prompt: str, *, seed: int, on_step: Callable[[int], None]) -> Image:
        """Drawn at 96 x 96 pixels and framed; the second model looks at it as 64 x 64."""
        defaults = self.pictures.defaults
        drawn = self.pictures.draw(
            still_words(prompt),
            seed=seed,
            steps=defaults["num_inference_steps"],
            guidance=defaults["true_cfg_scale"],
            on_step=lambda step, _look: on_step(step),
        )
        return framed(drawn, framing(prompt))

    def film(
        self,
        job_input: Input,
        picture: Image,
        *,
        seed: int,
        on_step: Callable[[int], None],
        low_memory: bool = False,
    ) -> NDArray[Any]:
        """Frames (9, 64, 64, 3), bytes."""
        defaults, guidance = self.films.defaults, job_input.guidance_scale
        return self.films.film(
            job_input.prompt,
            picture,
            seed=seed,
            steps=job_input.num_inference_steps or defaults["num_inference_steps"],
            guidance=defaults["guidance_scale"] if guidance is None else guidance,
            low_memory=low_memory,
            on_step=on_step,
        )


WORKER = Cascade
