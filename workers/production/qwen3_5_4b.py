"""Talks, and looks at pictures: Qwen3.5-4B."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.vllm.served import Served, Talking

MODEL: Final = Served(
    repo="Qwen/Qwen3.5-4B",
    revision="851bf6e806efd8d0a36b00ddf55e13ccb7b8cd0a",  # as public projects that load it pin it
    licence="Apache-2.0",
    gpu_memory_gib=24,
    quantisation="bf16",
    context=32768,
    arguments={
        "reasoning_parser": "qwen3",
        "tool_call_parser": "qwen3_coder",
        "enable_auto_tool_choice": True,
        "limit_mm_per_prompt": {"image": 8},
    },
)


class Qwen354b(Talking):
    model: ClassVar = MODEL
    spec: ClassVar = MODEL.spec("qwen3.5-4b", _="openai/chat-completion/vision")


WORKER = Qwen354b
