"""Kandinsky 5 Lite: films of five or ten seconds from a sentence."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import known, spec
from workers.engines.diffusers.declared import Diffused, Part, Way
from workers.engines.diffusers.films import Filming
from workers.engines.diffusers.unwanted import KANDINSKY_5

_REPO: Final = "kandinskylab/Kandinsky-5.0-T2V-Lite-sft"
MODEL: Final = Diffused(
    repo=f"{_REPO}-5s-Diffusers",
    licence="MIT",
    pipeline="Kandinsky5T2VPipeline",
    gpu_memory_gib=36,
    variants={
        "10s": Part(
            repo=f"{_REPO}-10s-Diffusers",
            kind="Kandinsky5Transformer3DModel",
            subfolder="transformer",
            attention="flex",
        )
    },
    timeout_s=1800,
)
# Ten seconds are drawn by a transformer of their own; its sparse attention hands FlexAttention's masks
# to the backend (NABLA, in diffusers.models.transformers.transformer_kandinsky).
FIVE: Final = Way(
    pipeline="Kandinsky5T2VPipeline", steps=30, guidance=5.0, negative=True, unwanted=KANDINSKY_5,
    size=(768, 512), rate=24, frames=121, more={"max_sequence_length": 512},
)  # fmt: skip
TEN: Final = Way(
    pipeline="Kandinsky5T2VPipeline", steps=30, guidance=5.0, negative=True, unwanted=KANDINSKY_5,
    variant="10s", size=(768, 512), rate=24, frames=241, more={"max_sequence_length": 512},
)  # fmt: skip
SERVES: Final = (known("fal-ai/kandinsky5/text-to-video", FIVE, ways=(("10s", TEN),)),)


class Kandinsky5(Filming):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec("kandinsky5", MODEL, SERVES)


WORKER = Kandinsky5
