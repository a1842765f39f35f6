"""FLUX.1 schnell: pictures in four steps, changed and inpainted ones too.

In sixteen bits: the four-bit kernels that its name speaks of are fetched and run as code from a
hub, which nothing here does.
"""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import spec, task
from workers.engines.diffusers.declared import Diffused, Limits, Way
from workers.engines.diffusers.pictures import Painting

NAME: Final = "nunchaku-flux1-schnell"
MODEL: Final = Diffused(
    repo="black-forest-labs/FLUX.1-schnell",
    revision="741f7c3ce8b383c54771c7003378a50191e9efe9",  # as public projects that load it pin it
    licence="Apache-2.0",
    pipeline="FluxPipeline",
    gpu_memory_gib=36,
    preview="packed",
    batch=Limits(cost=17, megapixels=4.2),  # four pictures of a megapixel
    jobs=4,
)
# Distilled without guidance; 256 tokens (https://huggingface.co/black-forest-labs/FLUX.1-schnell).
_MORE: Final = {"guidance_scale": 0.0, "max_sequence_length": 256}
DRAW: Final = Way(pipeline="FluxPipeline", steps=4, guidance=None, more=_MORE)
EDIT: Final = Way(
    pipeline="FluxImg2ImgPipeline", steps=4, guidance=None, more=_MORE,
    image_as="image", strength=0.85,
)  # fmt: skip
INPAINT: Final = Way(
    pipeline="FluxInpaintPipeline", steps=4, guidance=None, more=_MORE,
    image_as="image", mask_as="mask_image", strength=0.95,
)  # fmt: skip
SERVES: Final = (
    task(NAME, "fal/text-to-image", DRAW, about="FLUX.1 schnell (Apache-2.0)."),
    task(f"{NAME}-edit", "fal/image-edit", EDIT, masked=INPAINT,
         about="FLUX.1 schnell: the prompt says how the whole picture should be."),
)  # fmt: skip


class Flux1Schnell(Painting):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec(NAME, MODEL, SERVES)


WORKER = Flux1Schnell
