"""Draws flat shapes, 96 pixels wide, from a sentence: the starter model, on the processor alone."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator

from pilotlight import Context, Endpoint, Image, WeightsUrl, Worker, WorkerSpec
from workers.engines.diffusers.adaptations import Adaptations, Wanted
from workers.engines.diffusers.text_to_image import flux_text_to_image
from workers.engines.sight.safety import Safety, covered

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image as Picture

WEIGHTS = Path(__file__).parent / "starters" / "shapes"
SIDE = 96


class ImageSize(BaseModel):
    width: Literal[96] = 96
    height: Literal[96] = 96


class LoraWeight(BaseModel):
    path: WeightsUrl = Field(description="Safetensors, as pilotlight/trainer makes them.")
    scale: float = Field(default=1, ge=0, le=4, description="How strongly it is added.")


class Input(BaseModel):
    prompt: str = Field(
        min_length=1,
        max_length=500,
        description="One or two shapes and a background.",
        examples=["a small red star on a blue background", "a white ring above a green square"],
    )
    image_size: Literal["square_96"] | ImageSize = Field(
        default="square_96", description="The model draws 96 x 96 pixels and nothing else."
    )
    num_inference_steps: int | None = Field(
        default=None, ge=1, le=20, description="Denoising steps; left out, as suits the model."
    )
    guidance_scale: float | None = Field(
        default=None,
        ge=0,
        le=20,
        description="True classifier-free guidance, none up to 1; left out, as suits the model.",
    )
    seed: int | None = Field(
        default=None, ge=0, le=2**53 - 1, description="Image k is drawn from seed + k."
    )
    num_images: int = Field(default=1, ge=1, le=10)
    loras: list[LoraWeight] = Field(default=[], max_length=4, description="Added to the model.")
    output_format: Literal["png", "jpeg"] = "png"
    sync_mode: bool = Field(
        default=False, description="Return images as data URIs; the dialect sees to it."
    )
    enable_safety_checker: bool = Field(
        default=True, description="Look at pictures before they are returned; unfit ones are black."
    )

    @field_validator("image_size", mode="before")
    @classmethod
    def _only_what_the_model_draws(cls, value: Any) -> Any:
        if (
            value == "square_96"
            or isinstance(value, ImageSize)
            or value == {"width": SIDE, "height": SIDE}
        ):
            return value
        raise ValueError(
            'this model draws 96 x 96 pixels only: "square_96" or {"width": 96, "height": 96}'
        )


class Output(BaseModel):
    images: list[Image]
    seed: int = Field(description="Of the first image; the next one used seed + 1.")
    timings: dict[str, float] = Field(description="Seconds.")
    has_nsfw_concepts: list[bool] | None = Field(
        description="For each image; null where they were not looked at."
    )
    prompt: str


class Shapes(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="shapes",
        endpoints=(
            Endpoint(
                id="pilotlight/shapes",
                task="fal/text-to-image",
                input=Input,
                output=Output,
                description="One or two flat shapes in eight colours, from a sentence.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=60,
        keep_alive_s=60,
        max_replicas=2,
    )

    def load(self) -> None:
        self.model = flux_text_to_image(WEIGHTS)
        self.adaptations = Adaptations(self.model.pipe)
        self.safety = Safety()

    def run(self, job_input: Input, context: Context) -> Output:
        """Draw one by one; a watcher sees every step, and a cancelled job ends at the next."""
        if unread := self.model.unread(job_input.prompt):
            context.log(f"the prompt is too long, the model does not read its end: {unread!r}")
        seed = secrets.randbelow(2**32) if job_input.seed is None else job_input.seed
        page = _Page(self.model.defaults, job_input, context, seed, self.safety)
        with self.adaptations.added(_wanted(job_input, context)):
            for number in range(job_input.num_images):
                picture = self.model.draw(
                    job_input.prompt,
                    seed=seed + number,
                    steps=page.steps,
                    guidance=page.guidance,
                    on_step=page.stepped,
                )
                page.finish(picture)
        return page.finished()


def _wanted(job_input: Input, context: Context) -> list[Wanted]:
    return [
        Wanted(context.input_file(one.path), one.scale, ("loras", number, "path"))
        for number, one in enumerate(job_input.loras)
    ]


class _Page:
    """The pictures of one job so far, as files, and the news of them."""

    def __init__(
        self,
        defaults: dict[str, Any],
        job_input: Input,
        context: Context,
        seed: int,
        safety: Safety,
    ) -> None:
        self.input, self.context, self.seed, self.safety = job_input, context, seed, safety
        steps, guidance = job_input.num_inference_steps, job_input.guidance_scale
        self.steps: int = defaults["num_inference_steps"] if steps is None else steps
        self.guidance: float = defaults["true_cfg_scale"] if guidance is None else guidance
        self.wanted = job_input.enable_safety_checker
        self.done: list[Image] = []
        self.unfit: list[bool] = []
        self.began = time.perf_counter()
        self.looked_s = 0.0

    def stepped(self, step: int, look: Callable[[], Picture]) -> None:
        """Report one step, with the picture as it looks now if anybody watches."""
        if self.context.streaming and step < self.steps:
            shown = self.safety.shown(look(), asked=self.wanted)
            self.context.partial(self.output(self._file(shown, f"{len(self.done)}-{step}")))
        total = self.steps * self.input.num_images
        self.context.progress((self.steps * len(self.done) + step) / total, f"step {step}")

    def finish(self, picture: Picture) -> None:
        """Keep a picture that is done, or black in place of one that is unfit to be seen."""
        began = time.perf_counter()
        log = _unsaid if self.done else self.context.log  # one line tells of all
        found = self.safety.unfit([picture], asked=self.wanted, log=log)
        self.unfit += found or []
        (kept,) = covered([picture], found)
        self.looked_s += time.perf_counter() - began
        self.done.append(self._file(kept, str(len(self.done))))

    def finished(self) -> Output:
        """The whole job."""
        output = self.output()
        output.has_nsfw_concepts = self.unfit or None
        output.timings["safety"] = round(self.looked_s, 4)
        return output

    def output(self, *unfinished: Image) -> Output:
        """All there is to show at this moment."""
        images = [*self.done, *unfinished]
        return Output(
            images=images,
            seed=self.seed,
            timings={"inference": round(time.perf_counter() - self.began - self.looked_s, 4)},
            has_nsfw_concepts=None,
            prompt=self.input.prompt,
        )

    def _file(self, picture: Picture, name: str) -> Image:
        suffix = self.input.output_format
        path = self.context.folder / f"{name}.{suffix}"
        picture.save(path, quality=95)  # which PNG ignores
        return Image.at(path, width=SIDE, height=SIDE, content_type=f"image/{suffix}")


def _unsaid(_words: str) -> None:
    """What the log has already."""


WORKER = Shapes
