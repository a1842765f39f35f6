"""Wan 2.2 with five billion weights: films from a sentence, or from a picture and a sentence."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import spec, task
from workers.engines.diffusers.declared import Diffused, Way
from workers.engines.diffusers.films import Filming
from workers.engines.diffusers.unwanted import WAN

NAME: Final = "wan22-ti2v"
MODEL: Final = Diffused(
    repo="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
    revision="b8fff7315c768468a5333511427288870b2e9635",  # as public projects that load it pin it
    licence="Apache-2.0",
    pipeline="WanPipeline",
    gpu_memory_gib=40,
    full_parts=("vae",),
    schedule={"flow_shift": 5.0},
    timeout_s=1800,
)
# Shift, sides, rate, length and guidance: https://github.com/Wan-Video/Wan2.2, wan_ti2v_5B.py.
SHOOT: Final = Way(
    pipeline="WanPipeline", steps=50, guidance=5.0, negative=True, unwanted=WAN, size=(1280, 704),
    multiple=32, rate=24, frames=121, most_frames=121,
)  # fmt: skip
ANIMATE: Final = Way(
    pipeline="WanImageToVideoPipeline", steps=50, guidance=5.0, negative=True, unwanted=WAN,
    size=(1280, 704), multiple=32, rate=24, frames=121, most_frames=121, image_as="image",
)  # fmt: skip
SERVES: Final = (
    task(NAME, "fal/text-to-video", SHOOT, about="Wan 2.2 TI2V 5B (Apache-2.0)."),
    task(f"{NAME}-image", "fal/image-to-video", ANIMATE, about="Wan 2.2 TI2V 5B (Apache-2.0)."),
)


class Wan22Ti2v(Filming):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec(NAME, MODEL, SERVES)


WORKER = Wan22Ti2v
