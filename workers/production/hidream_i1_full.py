"""HiDream I1 in full: 17 billion weights, with Llama 3.1 as one of its four readers."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.diffusers.contracts import known, spec
from workers.engines.diffusers.declared import Diffused, Part, Way
from workers.engines.diffusers.pictures import Painting

# The repository has all parts but this one, under a licence of its own.
_LLAMA: Final = "meta-llama/Meta-Llama-3.1-8B-Instruct"
_LLAMA_AT: Final = "0e9e39f249a16976918f6564b8830bc894c89659"
"""As public projects that load it pin it."""
MODEL: Final = Diffused(
    repo="HiDream-ai/HiDream-I1-Full",
    revision="8ccbbfb270ccdae26d6bb0081df67dc81e4033bf",  # as public inventories of models list it
    licence="MIT; Llama 3.1 Community for the reader",
    pipeline="HiDreamImagePipeline",
    gpu_memory_gib=66,
    parts={
        "tokenizer_4": Part(repo=_LLAMA, revision=_LLAMA_AT, kind="AutoTokenizer"),
        "text_encoder_4": Part(
            repo=_LLAMA,
            revision=_LLAMA_AT,
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
