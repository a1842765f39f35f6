"""Small talk in a hundred languages: Qwen3-0.6B, 8 bits."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.vllm.served import Served, Talking

MODEL: Final = Served(
    repo="Qwen/Qwen3-0.6B-FP8",
    revision="e5be08033360965ceca7b0ffd72d521a51331ce0",  # as one public benchmark pins it
    licence="Apache-2.0",
    gpu_memory_gib=8,
    quantisation="fp8",
    context=32768,
    arguments={
        "reasoning_parser": "qwen3",
        "tool_call_parser": "hermes",
        "enable_auto_tool_choice": True,
    },
)


class Qwen306bFp8(Talking):
    model: ClassVar = MODEL
    spec: ClassVar = MODEL.spec("qwen3-0.6b-fp8", _="openai/chat-completion")


WORKER = Qwen306bFp8
