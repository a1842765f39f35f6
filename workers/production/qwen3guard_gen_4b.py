"""Judges what people and models wrote, in 119 languages: Qwen3Guard-Gen-4B."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.language.guarding import Guarding
from workers.engines.vllm.served import Served

MODEL: Final = Served(
    repo="Qwen/Qwen3Guard-Gen-4B",
    revision="6ec42827da0c1ff11e7a49dc269d2e810d27e108",  # as public projects that load it pin it
    licence="Apache-2.0",
    gpu_memory_gib=16,
    quantisation="bf16",
    context=32768,
    jobs=64,
)


class Qwen3GuardGen4b(Guarding):
    model: ClassVar = MODEL
    spec: ClassVar = MODEL.spec("qwen3guard-gen-4b", _="openai/chat-completion/moderation")


WORKER = Qwen3GuardGen4b
