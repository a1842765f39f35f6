"""Wan 2.2 with two times fourteen billion weights, kept in eight bits: films from a sentence."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import spec, task
from workers.engines.diffusers.declared import Diffused, Way
from workers.engines.diffusers.films import Filming
from workers.engines.diffusers.unwanted import WAN

NAME: Final = "sglang-diffusion-wan22-t2v-a14b-fp8"
MODEL: Final = Diffused(
    repo="Wan-AI/Wan2.2-T2V-A14B-Diffusers",
    revision="5be7df9619b54f4e2667b2755bc6a756675b5cd7",  # as public projects that load it pin it
    licence="Apache-2.0",
    pipeline="WanPipeline",
    gpu_memory_gib=60,
    quantisation="fp8",
    full_parts=("vae",),
    loras=False,
    schedule={"flow_shift": 12.0},
    timeout_s=3600,
    load_timeout_s=3600,  # its two transformers lie there in 32 bits: 114 GB
)
# Two guidances, for the transformer of the first steps and that of the last ones; the repository's
# shift of 3 would give the first one a third of the steps, its makers' gives it two:
# https://github.com/Wan-Video/Wan2.2, wan_t2v_A14B.py.
SHOOT: Final = Way(
    pipeline="WanPipeline", steps=40, guidance=4.0, negative=True, unwanted=WAN, size=(1280, 720),
    rate=16, frames=81, most_frames=121, more={"guidance_scale_2": 3.0},
)  # fmt: skip
SERVES: Final = (task(NAME, "fal/text-to-video", SHOOT, about="Wan 2.2 T2V A14B (Apache-2.0)."),)


class Wan22T2vA14bFp8(Filming):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec(NAME, MODEL, SERVES)


WORKER = Wan22T2vA14bFp8
