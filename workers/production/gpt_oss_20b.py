"""Reasons and calls tools: gpt-oss-20b, 4 bits as it was trained."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.vllm.served import Served, Talking

MODEL: Final = Served(
    repo="openai/gpt-oss-20b",
    revision="6cee5e81ee83917806bbde320786a8fb61efebee",  # as public projects that load it pin it
    licence="Apache-2.0",
    gpu_memory_gib=24,
    quantisation="mxfp4",
    context=65536,
    arguments={
        "tool_call_parser": "openai",
        "enable_auto_tool_choice": True,
    },
)


class GptOss20b(Talking):
    model: ClassVar = MODEL
    spec: ClassVar = MODEL.spec("gpt-oss-20b", _="openai/chat-completion")


WORKER = GptOss20b
