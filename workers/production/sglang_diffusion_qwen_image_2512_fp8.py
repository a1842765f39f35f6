"""Qwen-Image-2512 with its transformer kept in eight bits: half the GPU for some of the speed."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import spec, task
from workers.engines.diffusers.declared import Diffused, Limits, Way
from workers.engines.diffusers.pictures import Painting
from workers.engines.diffusers.unwanted import QWEN_IMAGE_2512

NAME: Final = "sglang-diffusion-qwen-image-2512-fp8"
MODEL: Final = Diffused(
    repo="Qwen/Qwen-Image-2512",
    revision="25468b98e3276ca6700de15c6628e51b7de54a26",  # as public projects that load it pin it
    licence="Apache-2.0",
    pipeline="QwenImagePipeline",
    gpu_memory_gib=42,
    quantisation="fp8",
    loras=False,
    batch=Limits(cost=110, megapixels=3.6),  # two pictures of its own size
    jobs=2,
    timeout_s=3600,  # an L40S takes some four minutes for one picture, reckoned
)
# Guidance, steps and size: https://huggingface.co/Qwen/Qwen-Image-2512.
DRAW: Final = Way(
    pipeline="QwenImagePipeline", steps=50, guidance=4.0, guidance_as="true_cfg_scale",
    negative=True, unwanted=QWEN_IMAGE_2512, size=(1328, 1328),
)  # fmt: skip
SERVES: Final = (
    task(NAME, "fal/text-to-image", DRAW, about="Qwen-Image-2512 (Apache-2.0)."),
    task(f"{NAME}-openai", "openai/image-generation", DRAW, about="The same, as OpenAI's."),
)


class QwenImage2512Fp8(Painting):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec(NAME, MODEL, SERVES)


WORKER = QwenImage2512Fp8
