"""Talks: SmolLM2-135M-Instruct (Apache-2.0) on the processor.

Small and honest: it writes fluent English and knows well-known facts, and invents the others.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, ClassVar, Final

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks.chat import Chat, Completion
from workers.engines.carried import weights
from workers.engines.transformers_chat import TransformersChat

if TYPE_CHECKING:
    from collections.abc import Generator

MOST_TOKENS: Final = 1024
"""Longest answer of a caller who sets no limit: half a minute on two cores."""


class Talker(Worker[Chat, Completion]):
    spec: ClassVar = WorkerSpec(
        name="chat",
        endpoints=(
            Endpoint(
                id="pilotlight/chat",
                task="openai/chat-completion",
                input=Chat,
                output=Completion,
                description="A small model that talks; JSON schemas are obeyed to the letter.",
                streams=True,
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=600,
        jobs_per_replica=4,
        max_replicas=1,
    )

    def load(self) -> None:
        self.model = TransformersChat(weights("smollm2"), most_tokens=MOST_TOKENS)

    def run(self, job_input: Chat, context: Context) -> Generator[Completion, None, Completion]:
        """Another attempt of the same job says the same, so that a stream may go on."""
        return self.model.answer(job_input, seed=zlib.crc32(context.job_id.encode()))


WORKER = Talker
