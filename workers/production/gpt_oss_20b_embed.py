"""Texts as points: the last state of gpt-oss-20b.

It was not trained for that; Qwen3-Embedding does better at a thirtieth of the size.
"""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.vllm.served import Pooling, Served

MODEL: Final = Served(
    repo="openai/gpt-oss-20b",
    revision="6cee5e81ee83917806bbde320786a8fb61efebee",  # as public projects that load it pin it
    licence="Apache-2.0",
    gpu_memory_gib=24,
    quantisation="mxfp4",
    context=32768,
    jobs=64,
    arguments={
        "runner": "pooling",
        "convert": "embed",
    },
)


class GptOss20bEmbed(Pooling):
    model: ClassVar = MODEL
    spec: ClassVar = MODEL.spec("sglang-gpt-oss-20b-embed", _="openai/embeddings")


WORKER = GptOss20bEmbed
