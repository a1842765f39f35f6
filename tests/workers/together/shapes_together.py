"""The shapes model through the engine for models worth a GPU: four slots, one pipeline."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import spec, task
from workers.engines.diffusers.declared import Diffused, Limits, Way
from workers.engines.diffusers.pictures import Painting
from workers.shapes import SIDE, WEIGHTS

NAME: Final = "shapes-together"
MODEL: Final = Diffused(
    repo=str(WEIGHTS), licence="Apache-2.0", pipeline="FluxPipeline", gpu_memory_gib=0,
    batch=Limits(cost=1.0, megapixels=0.05), jobs=4,
)  # fmt: skip
DRAW: Final = Way(
    pipeline="FluxPipeline", steps=8, guidance=3.0, guidance_as="true_cfg_scale", negative=True,
    size=(SIDE, SIDE), more={"prompt_2": " ", "max_sequence_length": 8, "guidance_scale": 0.0},
)  # fmt: skip
SERVES: Final = (task(NAME, "fal/text-to-image", DRAW),)


class Together(Painting):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec(NAME, MODEL, SERVES)


WORKER = Together
