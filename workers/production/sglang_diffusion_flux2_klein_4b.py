"""FLUX.2 klein, four billion weights: draws, changes by instruction and inpaints in four steps."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import spec, task
from workers.engines.diffusers.declared import Diffused, Limits, Way
from workers.engines.diffusers.pictures import Painting

NAME: Final = "sglang-diffusion-flux2-klein-4b"
MODEL: Final = Diffused(
    repo="black-forest-labs/FLUX.2-klein-4B",
    revision="e7b7dc27f91deacad38e78976d1f2b499d76a294",  # as public projects that load it pin it
    licence="Apache-2.0",
    pipeline="Flux2KleinPipeline",
    gpu_memory_gib=20,
    batch=Limits(cost=17, megapixels=4.2),
    jobs=4,
)
# Distilled in steps and guidance: https://github.com/black-forest-labs/flux2.
DRAW: Final = Way(pipeline="Flux2KleinPipeline", steps=4, guidance=1.0)
EDIT: Final = Way(pipeline="Flux2KleinPipeline", steps=4, guidance=1.0, image_as="image")
INPAINT: Final = Way(
    pipeline="Flux2KleinInpaintPipeline", steps=4, guidance=1.0,
    image_as="image", mask_as="mask_image", strength=0.9,
)  # fmt: skip
SERVES: Final = (
    task(NAME, "fal/text-to-image", DRAW, about="FLUX.2 klein 4B (Apache-2.0)."),
    task(f"{NAME}-edit", "fal/image-edit", EDIT, masked=INPAINT,
         about="FLUX.2 klein 4B: the prompt says what to change."),
)  # fmt: skip


class Flux2Klein4b(Painting):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec(NAME, MODEL, SERVES)


WORKER = Flux2Klein4b
