"""Paints one colour, and turns a picture's colours around."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.endpoints.shapes import Image
from pilotlight.contracts.tasks.images import Generate, Generated, ImageEdit, Images

if TYPE_CHECKING:
    from collections.abc import Iterator


class Painter(Worker[Generate | ImageEdit, Generated | Images]):
    spec: ClassVar = WorkerSpec(
        name="painter",
        endpoints=(
            Endpoint(
                id="tests/painter",
                task="openai/image-generation",
                input=Generate,
                output=Generated,
                streams=True,
            ),
            Endpoint(
                id="tests/painter/edit", task="fal/image-edit", input=ImageEdit, output=Images
            ),
        ),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Generate | ImageEdit, context: Context) -> Iterator[object]:
        if isinstance(job_input, ImageEdit):
            return _edited(job_input, context)
        yield Generated(data=[_painted(job_input, context, "sketch", 8)])
        width, _, _ = (job_input.size or "64x64").replace("auto", "64x64").partition("x")
        made = [_painted(job_input, context, f"{n}", int(width)) for n in range(job_input.n)]
        return Generated(data=made)


def _painted(wish: Generate, context: Context, name: str, side: int) -> Image:
    from PIL import Image as Pillow

    colour = tuple(hashlib.sha256(f"{wish.prompt} {name}".encode()).digest()[:3])
    path = context.folder / f"{name}.{wish.output_format}"
    Pillow.new("RGB", (side, side), colour).save(path)
    return Image.at(path, width=side, height=side)


def _edited(wish: ImageEdit, context: Context) -> Images:
    from PIL import Image as Pillow
    from PIL import ImageOps

    with Pillow.open(context.input_file(wish.image_url)) as source:
        turned = ImageOps.invert(source.convert("RGB"))
    if wish.mask_url is not None:
        with Pillow.open(context.input_file(wish.mask_url)) as mask:
            original = Pillow.open(context.input_file(wish.image_url)).convert("RGB")
            turned = Pillow.composite(turned, original, mask.convert("L").resize(turned.size))
    made = []
    for number in range(wish.num_images):
        path = context.folder / f"{number}.{wish.output_format}"
        turned.save(path)
        made.append(Image.at(path, width=turned.width, height=turned.height))
    return Images(images=made, prompt=wish.prompt)


WORKER = Painter
