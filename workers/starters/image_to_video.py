"""Sets a picture of a flat shape in motion: ``shapes-video``, on the processor alone."""

from __future__ import annotations

import secrets
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import BaseModel, Field

from pilotlight import Context, Endpoint, ImageUrl, Worker, WorkerSpec
from pilotlight.contracts.endpoints.shapes import VideoFile
from workers.engines.diffusers.image_to_video import ltx_image_to_video
from workers.engines.media import pictures
from workers.engines.sight.safety import Safety
from workers.engines.video import files as video_files

WEIGHTS: Final = Path(__file__).parent / "shapes-video"


class Input(BaseModel):
    prompt: str = Field(
        min_length=1,
        max_length=500,
        description="What is in the picture and what it does: moving right, left, up or down, "
        "growing, shrinking, staying still.",
        examples=["a red circle moving right on a blue background"],
    )
    image_url: ImageUrl = Field(
        description="One flat shape on one colour; it is looked at as 64 x 64 pixels."
    )
    num_inference_steps: int | None = Field(
        default=None, ge=1, le=50, description="Denoising steps; left out, as suits the model."
    )
    guidance_scale: float | None = Field(
        default=None, ge=0, le=20, description="None up to 1; left out, as suits the model."
    )
    num_frames: Literal[9] = Field(
        default=9, description="The model makes nine frames and nothing else."
    )
    fps: int = Field(default=8, ge=1, le=60, description="How fast the frames are shown.")
    seed: int | None = Field(default=None, ge=0, le=2**53 - 1)
    enable_safety_checker: bool = Field(
        default=True, description="Look at the film before it is returned; an unfit one is black."
    )


class Output(BaseModel):
    video: VideoFile
    seed: int
    has_nsfw_concepts: list[bool] | None = Field(
        description="One answer for the film; null where it was not looked at."
    )


class Projector(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="image-to-video",
        endpoints=(
            Endpoint(
                id="pilotlight/image-to-video",
                task="fal/image-to-video",
                input=Input,
                output=Output,
                description="A flat shape that moves, grows or shrinks as a sentence says.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=120,
        max_replicas=2,
    )

    def load(self) -> None:
        self.model = ltx_image_to_video(WEIGHTS)
        self.safety = Safety()

    def run(self, job_input: Input, context: Context) -> Output:
        """A cancelled job ends at the next step."""
        if unread := self.model.unread(job_input.prompt):
            context.log(f"the prompt is too long, the model does not read its end: {unread!r}")
        seed = secrets.randbelow(2**32) if job_input.seed is None else job_input.seed
        steps, guidance = job_input.num_inference_steps, job_input.guidance_scale
        steps = self.model.defaults["num_inference_steps"] if steps is None else steps
        guidance = self.model.defaults["guidance_scale"] if guidance is None else guidance

        def stepped(step: int) -> None:
            context.progress(step / (steps + 1), f"step {step} of {steps}")

        made = self.model.film(
            job_input.prompt,
            pictures.picture(context.input_file(job_input.image_url), "image_url", mode="RGB"),
            seed=seed,
            steps=steps,
            guidance=guidance,
            low_memory=context.low_memory,
            on_step=stepped,
        )
        asked = job_input.enable_safety_checker
        unfit = self.safety.unfit_film(made, asked=asked, log=context.log)
        made = made * 0 if unfit and unfit[0] else made
        rate = Fraction(job_input.fps)
        frames = (video_files.Frame(one, number / rate) for number, one in enumerate(made))
        path = context.folder / "video.mp4"
        video = video_files.write(path, frames, video_files.Reel(rate=rate))
        context.progress(1)
        return Output(video=video, seed=seed, has_nsfw_concepts=unfit)


WORKER = Projector
