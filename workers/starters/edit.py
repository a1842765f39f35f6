"""Changes pictures of flat shapes: the model of ``pilotlight/shapes``, from a picture onwards."""

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
from workers.engines.diffusers.text_to_image import flux_text_to_image
from workers.engines.media import pictures
from workers.engines.sight import instructions, shape_reading
from workers.engines.sight.safety import Safety, covered

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

WEIGHTS: Final = Path(__file__).parent / "shapes"
SIDE: Final = 96
STRENGTH: Final = 0.85
"""Changes colour, shape or background, and leaves the place."""
STEPS: Final = 12
GUIDANCE: Final = 2.0
ROOM: Final = 0.06
"""Around a thing that changes, in sides of the picture: shapes of one size are not as wide."""


class Edit(BaseModel):
    prompt: str = Field(
        min_length=1,
        max_length=500,
        description="The picture as it should be, all of it; or what to change about it, where "
        "it shows one or two flat shapes: make it green, turn the circle into a square, put it on "
        "a yellow background.",
        examples=["a red square on a blue background", "turn the circle into a square"],
    )
    image_url: ImageUrl = Field(description="Of any size; it is looked at as 96 x 96 pixels.")
    strength: float = Field(default=STRENGTH, gt=0, le=1, description="1 keeps nothing of it.")
    num_inference_steps: int = Field(default=STEPS, ge=1, le=40)
    guidance_scale: float = Field(default=GUIDANCE, ge=0, le=20)
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
    mask_url: ImageUrl = Field(description="White where the picture may change.")
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
                description="A picture of flat shapes, changed into what a sentence says.",
            ),
            Endpoint(
                id="pilotlight/inpaint",
                task="fal/image-edit",
                input=Inpaint,
                output=Output,
                description="As pilotlight/edit, but only where a mask is white.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=120,
        max_replicas=2,
    )

    def load(self) -> None:
        self.model = FluxEdit(flux_text_to_image(WEIGHTS))
        self.safety = Safety()

    def run(self, job_input: Edit, context: Context) -> Output:
        """Image k is drawn from seed + k; a cancelled job ends at the next step."""
        seed = secrets.randbelow(2**32) if job_input.seed is None else job_input.seed
        picture = _opened(context, job_input.image_url, "image_url", "RGB")
        prompt, mask = job_input.prompt, None
        if isinstance(job_input, Inpaint):
            mask = _opened(context, job_input.mask_url, "mask_url", "L")
        else:
            prompt, mask = _meant(prompt, picture)
            if prompt != job_input.prompt:
                context.log(f"the picture should show {prompt}")
        total, began = job_input.num_images * job_input.num_inference_steps, time.perf_counter()
        pictures: list[Picture] = []
        for number in range(job_input.num_images):
            done = number * job_input.num_inference_steps
            changed = self.model.change(
                prompt,
                picture,
                mask=mask,
                seed=seed + number,
                strength=job_input.strength,
                steps=job_input.num_inference_steps,
                guidance=job_input.guidance_scale,
                on_step=partial(_told, context, done, total),
            )
            if mask is not None and not isinstance(job_input, Inpaint):
                changed = shape_reading.on_the_same_ground(changed, picture, mask)
            pictures.append(changed)
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


def _meant(prompt: str, picture: Picture) -> tuple[str, Picture | None]:
    """What the picture should show, and where it may change: None for anywhere.

    A sentence that gives no order describes it. Raises InvalidInput for an order that is not
    understood.
    """
    try:
        wished = instructions.wish(prompt)
        if wished is None:
            return prompt, None
        after, only = instructions.granted(shape_reading.read(picture), wished)
        return instructions.described(after), _around(only) if only else None
    except instructions.NotUnderstood as error:
        words = str(error)
        raise InvalidInput(
            f"prompt {words}", Problem(("body", "prompt"), words, "value_error")
        ) from None


def _around(thing: shape_reading.Thing) -> Picture:
    """A mask with room for another shape of the same size."""
    from PIL import Image as Pictures

    mask = Pictures.new("L", (SIDE, SIDE), 0)
    reach = thing.extent / 2 + ROOM
    x, y = thing.middle
    box = [max(0, round((one - reach) * SIDE)) for one in (x, y)]
    box += [min(SIDE, round((one + reach) * SIDE)) for one in (x, y)]
    mask.paste(255, (box[0], box[1], box[2], box[3]))
    return mask


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
