"""FLUX.1 Kontext dev with adaptations: changes by instruction, inpaints after a reference, draws."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import known, spec
from workers.engines.diffusers.declared import Diffused, Limits, Way
from workers.engines.diffusers.pictures import Painting

MODEL: Final = Diffused(
    repo="black-forest-labs/FLUX.1-Kontext-dev",
    revision="24e9dedc4ef646698dc8eb4e18ae2cec3c9fea0d",  # as public projects that load it pin it
    licence="FLUX.1 [dev] Non-Commercial",
    pipeline="FluxKontextPipeline",
    gpu_memory_gib=38,
    preview="packed",
    # Between the default of diffusers (0.05) and what its makers show for FLUX (0.12):
    # https://github.com/chengzeyi/ParaAttention
    cached={"regular": 0.08, "high": 0.12},
    batch=Limits(cost=65, megapixels=2.1),
    jobs=2,
)
EDIT: Final = Way(
    pipeline="FluxKontextPipeline", steps=30, guidance=2.5, image_as="image", own_area=True
)
INPAINT: Final = Way(
    pipeline="FluxKontextInpaintPipeline", steps=30, guidance=2.5, own_area=True,
    image_as="image", mask_as="mask_image", reference_as="image_reference", strength=0.88,
)  # fmt: skip
DRAW: Final = Way(
    pipeline="FluxKontextPipeline", steps=30, guidance=2.5, size=(1024, 768), own_area=True
)
SERVES: Final = (
    known("fal-ai/flux-kontext-lora", EDIT),
    known("fal-ai/flux-kontext-lora/inpaint", INPAINT),
    known("fal-ai/flux-kontext-lora/text-to-image", DRAW),
)


class FluxKontextLora(Painting):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec("flux-kontext-lora", MODEL, SERVES)


WORKER = FluxKontextLora
