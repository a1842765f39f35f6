"""Texts as points: Qwen3-Embedding-0.6B, 8 bits; 32 to 1024 numbers each."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.vllm.served import Pooling, Served

MODEL: Final = Served(
    repo="Qwen/Qwen3-Embedding-0.6B",
    revision="97b0c614be4d77ee51c0cef4e5f07c00f9eb65b3",  # as public projects that load it pin it
    licence="Apache-2.0",
    gpu_memory_gib=8,
    quantisation="fp8",
    context=32768,
    jobs=64,
    arguments={
        "runner": "pooling",
        "quantization": "fp8",
        "hf_overrides": {"is_matryoshka": True},
    },
)


class Qwen306bFp8Embed(Pooling):
    model: ClassVar = MODEL
    spec: ClassVar = MODEL.spec("sglang-qwen3-0.6b-fp8-embed", _="openai/embeddings")


WORKER = Qwen306bFp8Embed
