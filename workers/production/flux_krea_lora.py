"""FLUX.1 Krea dev with adaptations, as fal's endpoint that is followed step by step."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import known, spec
from workers.engines.diffusers.declared import Diffused, Limits, Way
from workers.engines.diffusers.pictures import Painting

MODEL: Final = Diffused(
    repo="black-forest-labs/FLUX.1-Krea-dev",
    revision="8162a9c7b05a641be098422bf2fcf335615c2f28",  # as public projects that load it pin it
    licence="FLUX.1 [dev] Non-Commercial",
    pipeline="FluxPipeline",
    gpu_memory_gib=36,
    preview="packed",
    batch=Limits(cost=60, megapixels=2.1),
    jobs=2,
)
DRAW: Final = Way(pipeline="FluxPipeline", steps=28, guidance=3.5, size=(1024, 768))
SERVES: Final = (known("fal-ai/flux-krea-lora/stream", DRAW, alone_when_followed=True),)


class FluxKreaLora(Painting):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec("flux-krea-lora", MODEL, SERVES)


WORKER = FluxKreaLora
