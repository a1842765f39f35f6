"""Changes pictures of flat shapes: as an instruction says, into a description, or under a mask.

Instructions are followed by a model of their own that was taught to (``training/editing``); the rest
is the model of ``pilotlight/shapes``, from a picture onwards.
"""

from __future__ import annotations

import secrets
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import BaseModel, Field

from pilotlight import (
    Context,
    Endpoint,
    Image,
    ImageUrl,
    InvalidInput,
    Problem,
    Worker,
    WorkerSpec,
)
from workers.engines.diffusers.edit import FluxEdit
from workers.engines.diffusers.instructed import STEPS as FOLLOWING
from workers.engines.diffusers.instructed import flux_instructed
from workers.engines.diffusers.text_to_image import flux_text_to_image
from workers.engines.media import pictures
from workers.engines.sight.safety import Safety, covered

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image as Picture

    from workers.engines.diffusers.text_to_image import FluxTextToImage

    Change = Callable[[int, Callable[[int], None]], Picture]
    """From a seed, and whom to tell each step."""

WEIGHTS: Final = Path(__file__).parent / "shapes"
INSTRUCTED: Final = Path(__file__).parent / "shapes-edit"
SIDE: Final = 96
STRENGTH: Final = 0.85
"""Of a description: changes colour, shape or background, and leaves the place."""
STEPS: Final = 12
GUIDANCE: Final = 2.0
DESCRIBED: Final = "describe"
REFUSED: Final = {
    **dict.fromkeys(("left", "right", "up", "down"), "to move something"),
    "add": "to add something",
}
"""Kinds of instruction that the model knows when it hears them, but cannot follow."""


class Edit(BaseModel):
    prompt: str = Field(
        min_length=1,
        max_length=500,
        description="What to change about a picture of one or two flat shapes: a colour, a shape, "
        "both, the background, bigger, smaller, one removed; or the picture as it should be, all of it.",
        examples=["turn the circle into a blue star", "a red square on a blue background"],
    )
    image_url: ImageUrl = Field(description="Of any size; it is looked at as 96 x 96 pixels.")
    strength: float = Field(
        default=STRENGTH,
        gt=0,
        le=1,
        description="Of a description: 1 keeps nothing of the picture.",
    )
    num_inference_steps: int = Field(
        default=STEPS,
        ge=1,
        le=40,
        description=f"Of a description; an instruction takes {FOLLOWING}.",
    )
    guidance_scale: float = Field(
        default=GUIDANCE, ge=0, le=20, description="Of a description; an instruction needs none."
    )
    seed: int | None = Field(default=None, ge=0, le=2**53 - 1)
    num_images: int = Field(default=1, ge=1, le=10)
    enable_safety_checker: bool = Field(
        default=True, description="Look at pictures before they are returned; unfit ones are black."
    )
    output_format: Literal["png", "jpeg"] = "png"
    sync_mode: bool = Field(
        default=False, description="Return images as data URIs; the dialect sees to it."
    )


class Inpaint(Edit):
    prompt: str = Field(
        min_length=1,
        max_length=500,
        description="The picture as it should be, all of it.",
        examples=["a red circle and a blue square on a white background"],
    )
    mask_url: ImageUrl = Field(description="Marks where the picture may change.")
    mask_by: Literal["white", "transparent"] = Field(
        default="white", description="How: fal's masks are white there, OpenAI's transparent."
    )
    strength: float = Field(default=1, gt=0, le=1, description="1 keeps nothing under the mask.")


class Output(BaseModel):
    images: list[Image]
    seed: int = Field(description="Of the first image; the next one used seed + 1.")
    timings: dict[str, float] = Field(description="Seconds.")
    has_nsfw_concepts: list[bool] | None = Field(
        description="For each image; null where they were not looked at."
    )
    prompt: str


class Changer(Worker[Edit, Output]):
    spec: ClassVar = WorkerSpec(
        name="edit",
        endpoints=(
            Endpoint(
                id="pilotlight/edit",
                task="fal/image-edit",
                input=Edit,
                output=Output,
                description="A picture of flat shapes, changed as a sentence says.",
            ),
            Endpoint(
                id="pilotlight/inpaint",
                task="fal/image-edit",
                input=Inpaint,
                output=Output,
                description="A picture of flat shapes, drawn anew from a description where a mask is white.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=120,
        max_replicas=2,
    )

    def load(self) -> None:
        drawing = flux_text_to_image(WEIGHTS)
        self.model = FluxEdit(drawing)
        self.instructed = flux_instructed(INSTRUCTED, drawing)
        self.safety = Safety()

    def run(self, job_input: Edit, context: Context) -> Output:
        """Image k is drawn from seed + k; a cancelled job ends at the next step."""
        seed = secrets.randbelow(2**32) if job_input.seed is None else job_input.seed
        steps, change = self._way(job_input, context)
        total, began = job_input.num_images * steps, time.perf_counter()
        pictures = [
            change(seed + number, partial(_told, context, number * steps, total))
            for number in range(job_input.num_images)
        ]
        took = round(time.perf_counter() - began, 4)
        asked = job_input.enable_safety_checker
        unfit = self.safety.unfit(pictures, asked=asked, log=context.log)
        return Output(
            images=[
                _kept(one, context, number, job_input.output_format)
                for number, one in enumerate(covered(pictures, unfit))
            ],
            seed=seed,
            timings={"inference": took},
            has_nsfw_concepts=unfit,
            prompt=job_input.prompt,
        )

    def _way(self, job_input: Edit, context: Context) -> tuple[int, Change]:
        """How many steps a picture takes, and what takes them."""
        prompt, mask = job_input.prompt, None
        picture = _opened(context, job_input.image_url, "image_url", "RGB")
        if isinstance(job_input, Inpaint):
            mode = pictures.MASKS[job_input.mask_by]
            mask = _opened(context, job_input.mask_url, "mask_url", mode)
        elif (kind := self.instructed.kind(prompt)) != DESCRIBED:
            _refuse_untaught(prompt, kind)
            _warn_of_unread(self.instructed.model, prompt, context)

            def follow(seed: int, on_step: Callable[[int], None]) -> Picture:
                return self.instructed.change(prompt, picture, seed=seed, on_step=on_step)

            return FOLLOWING, follow
        _warn_of_unread(self.model.model, prompt, context)

        def draw(seed: int, on_step: Callable[[int], None]) -> Picture:
            return self.model.change(
                prompt,
                picture,
                mask=mask,
                seed=seed,
                strength=job_input.strength,
                steps=job_input.num_inference_steps,
                guidance=job_input.guidance_scale,
                on_step=on_step,
            )

        return job_input.num_inference_steps, draw


def _refuse_untaught(prompt: str, kind: str) -> None:
    """Raises InvalidInput for what the model was never taught."""
    if kind in REFUSED:
        words = (
            f"asks {REFUSED[kind]}, which the model cannot do: it changes colours, shapes, sizes and "
            "the background, and takes things away; or describe the whole picture as it should be"
        )
        raise InvalidInput(
            f"prompt {words}", Problem(("body", "prompt"), words, "value_error", given=prompt)
        )


def _warn_of_unread(reader: FluxTextToImage, prompt: str, context: Context) -> None:
    if unread := reader.unread(prompt):
        context.log(f"the prompt is too long, the model does not read its end: {unread!r}")


def _told(context: Context, done: int, total: int, step: int) -> None:
    context.progress(min(1, (done + step) / total))


def _opened(context: Context, url: str, field: str, mode: pictures.Mode) -> Picture:
    from PIL import Image as Pictures

    picture = pictures.picture(context.input_file(url), field, mode=mode)
    return picture.resize((SIDE, SIDE), Pictures.Resampling.BICUBIC)


def _kept(picture: Picture, context: Context, number: int, suffix: str) -> Image:
    path = context.folder / f"{number}.{suffix}"
    picture.save(path, quality=95)  # which PNG ignores
    return Image.at(path, width=SIDE, height=SIDE, content_type=f"image/{suffix}")


WORKER = Changer
