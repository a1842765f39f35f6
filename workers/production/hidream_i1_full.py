"""HiDream I1 in full: 17 billion weights, with Llama 3.1 as one of its four readers."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import known, spec
from workers.engines.diffusers.declared import Diffused, Part, Way
from workers.engines.diffusers.pictures import Painting

# The repository has all parts but this one, under a licence of its own.
_LLAMA: Final = "meta-llama/Meta-Llama-3.1-8B-Instruct"
MODEL: Final = Diffused(
    repo="HiDream-ai/HiDream-I1-Full",
    licence="MIT; Llama 3.1 Community for the reader",
    pipeline="HiDreamImagePipeline",
    gpu_memory_gib=66,
    parts={
        "tokenizer_4": Part(repo=_LLAMA, kind="AutoTokenizer"),
        "text_encoder_4": Part(
            repo=_LLAMA,
            kind="LlamaForCausalLM",
            arguments={"output_hidden_states": True, "output_attentions": True},
        ),
    },
    preview="plain",
)
DRAW: Final = Way(pipeline="HiDreamImagePipeline", steps=50, guidance=5.0, negative=True)
SERVES: Final = (known("fal-ai/hidream-i1-full", DRAW),)


class HiDreamI1Full(Painting):
    model: ClassVar = MODEL
    serves: ClassVar = SERVES
    spec: ClassVar = spec("hidream-i1-full", MODEL, SERVES)


WORKER = HiDreamI1Full
