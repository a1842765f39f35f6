"""Models behind OpenAI's API, with the owner's key. Which, its owner says::

    [[route]]
    endpoint = "gpt-5-mini"                    # what callers name as the model
    worker = "relayed-openai"
    target = "relay/openai/chat-completion"    # left out, it is this one

The upstream is asked for the model of the same name, unless its ``names`` say otherwise.
"""

from __future__ import annotations

from typing import ClassVar, Final

from pilotlight import Endpoint, WorkerSpec
from workers.engines.relay.relays import Anything, OpenAiRelay

TASKS: Final = (
    "openai/chat-completion",
    "openai/chat-completion/vision",
    "openai/chat-completion/moderation",
    "openai/embeddings",
    "openai/rerank",
    "openai/score",
    "openai/audio-speech",
    "openai/audio-transcription",
    "openai/image-generation",
)


class RelayedOpenAi(OpenAiRelay):
    spec: ClassVar = WorkerSpec(
        name="relayed-openai",
        endpoints=tuple(
            Endpoint(
                id=f"relay/{task}", task=task, input=Anything, output=Anything, routed_only=True
            )
            for task in TASKS
        ),
        upstream="openai",
        gpu_memory_gib=0,
        timeout_s=600,
        jobs_per_replica=64,
        max_replicas=4,
    )


WORKER = RelayedOpenAi
