"""Qwen-Image-Edit-2511 with its transformer kept in eight bits."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import spec, task
from workers.engines.diffusers.declared import Diffused, Way
from workers.engines.diffusers.pictures import Painting

NAME: Final = "sglang-diffusion-qwen-image-edit-2511-fp8"
MODEL: Final = Diffused(
    repo="Qwen/Qwen-Image-Edit-2511",
    revision="6f3ccc0b56e431dc6a0c2b2039706d7d26f22cb9",  # as public projects that load it pin it
    licence="Apache-2.0",
    pipeline="QwenImageEditPlusPipeline",
    gpu_memory_gib=44,
    quantisation="fp8",
    loras=False,
    timeout_s=3600,  # an L40S takes some four minutes for one picture, reckoned
)
# Guidance and steps: https://huggingface.co/Qwen/Qwen-Image-Edit-2511.
EDIT: Final = Way(
    pipeline="QwenImageEditPlusPipeline", steps=40, guidance=4.0, guidance_as="true_cfg_scale",
    negative=True, image_as="image",
)  # fmt: skip
INPAINT: Final = Way(
    pipeline="QwenImageEditInpaintPipeline", steps=40, guidance=4.0,
    guidance_as="true_cfg_scale", negative=True, image_as="image", mask_as="mask_image",
    strength=1.0,
)  # fmt: skip
SERVES: Final = (
    task(NAME, "fal/image-edit", EDIT, masked=INPAINT,
         about="Qwen-Image-Edit-2511 (Apache-2.0): the prompt says what to change."),
)  # fmt: skip


class QwenImageEdit2511Fp8(Painting):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec(NAME, MODEL, SERVES)


WORKER = QwenImageEdit2511Fp8
