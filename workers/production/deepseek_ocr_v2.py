"""Pages as markdown: DeepSeek-OCR-2."""

from __future__ import annotations

from typing import ClassVar, Final

from workers.engines.vllm.served import Served, Talking

MODEL: Final = Served(
    repo="deepseek-ai/DeepSeek-OCR-2",
    revision="aaa02f3811945a91062062994c5c4a3f4c0af2b0",  # as public projects that load it pin it
    licence="Apache-2.0",
    gpu_memory_gib=16,
    quantisation="bf16",
    context=8192,
    arguments={
        "limit_mm_per_prompt": {"image": 1},
        "mm_processor_cache_gb": 0,
        "enable_prefix_caching": False,
    },
)


class DeepseekOcrV2(Talking):
    model: ClassVar = MODEL
    spec: ClassVar = MODEL.spec("deepseek-ocr-v2", _="openai/chat-completion/ocr")


WORKER = DeepseekOcrV2
