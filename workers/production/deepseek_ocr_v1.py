"""Pages as markdown: DeepSeek-OCR."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.vllm.served import Served, Talking

MODEL: Final = Served(
    repo="deepseek-ai/DeepSeek-OCR",
    revision="9f30c71f441d010e5429c532364a86705536c53a",  # as public projects that load it pin it
    licence="MIT",
    gpu_memory_gib=16,
    quantisation="bf16",
    context=8192,
    arguments={
        "limit_mm_per_prompt": {"image": 1},
        "mm_processor_cache_gb": 0,
        "enable_prefix_caching": False,
    },
)


class DeepseekOcrV1(Talking):
    model: ClassVar = MODEL
    spec: ClassVar = MODEL.spec("deepseek-ocr-v1", _="openai/chat-completion/ocr")


WORKER = DeepseekOcrV1
