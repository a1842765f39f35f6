"""DreamOmni2: makes one picture of several, as a sentence says, over FLUX.1 Kontext dev.

A Qwen2.5-VL reads pictures and wish and says what to draw; an adaptation of Kontext draws it.
Layout, words and numbers: https://github.com/dvlab-research/DreamOmni2, ``inference_edit.py``.
"""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import known, spec
from workers.engines.diffusers.declared import Adaptation, Diffused, Part, Way
from workers.engines.diffusers.rephrasing import Rephrasing

_OWN: Final = "xiabs/DreamOmni2"
"""No public project was found that pins a commit of it."""
_PIPELINE: Final = "workers.engines.diffusers.several:FluxKontextOfSeveral"
MODEL: Final = Diffused(
    repo="black-forest-labs/FLUX.1-Kontext-dev",
    revision="24e9dedc4ef646698dc8eb4e18ae2cec3c9fea0d",  # as public projects that load it pin it
    licence="FLUX.1 [dev] Non-Commercial; Apache-2.0 for what DreamOmni2 adds",
    pipeline=_PIPELINE,
    adaptation=Adaptation(repo=_OWN, file="edit_lora/pytorch_lora_weights.safetensors"),
    reader=Part(repo=_OWN, kind="Qwen2_5_VLForConditionalGeneration", subfolder="vlm-model"),
    gpu_memory_gib=60,
    preview="packed",
)
EDIT: Final = Way(
    pipeline=_PIPELINE, steps=30, guidance=3.5, several_as="images", most_pictures=5, own_area=True
)
SERVES: Final = (known("fal-ai/dreamomni2/edit", EDIT),)


class DreamOmni2(Rephrasing):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec("dreamomni2", MODEL, SERVES)
    taught: ClassVar = " It is editing task."


WORKER = DreamOmni2
