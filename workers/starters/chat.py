"""Talks: SmolLM2-135M-Instruct (Apache-2.0) on the processor.

Small and honest: it writes fluent English and knows well-known facts, and invents the others.
Through vLLM where that is installed, else through transformers: the same answers, fewer at a time.
"""

from __future__ import annotations

import zlib
from typing import Any, ClassVar, Final

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks.chat import Chat, Completion
from workers.engines.vllm import venv as vllm_venv
from workers.engines.weights.carried import weights

MOST_TOKENS: Final = 1024
"""Longest answer of a caller who sets no limit: half a minute on two cores."""
WINDOW: Final = 4096
"""Tokens of a conversation, its answer included; the model itself would hold twice as many."""
_VLLM: Final = vllm_venv.here() or bool(vllm_venv.python())


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
        python=vllm_venv.python(),
        jobs_per_replica=32 if _VLLM else 4,
        max_replicas=1,
    )

    def load(self) -> Any:
        folder = weights("smollm2")
        if not vllm_venv.here():
            from workers.engines.language.transformers_chat import TransformersChat

            self.model: Any = TransformersChat(folder, window=WINDOW, most_tokens=MOST_TOKENS)
            return None
        from workers.engines.vllm.engine import Vllm

        self.model = Vllm(
            folder,
            max_model_len=WINDOW,
            max_num_seqs=32,
            enforce_eager=True,  # compiling takes longer than all it saves on a processor
            tool_call_parser="hermes",
            enable_auto_tool_choice=True,
            override_generation_config={"max_new_tokens": MOST_TOKENS},
        )
        return self.model.load(memory_gib=1)

    def run(self, job_input: Chat, context: Context) -> Any:
        """Another attempt of the same job says the same, so that a stream may go on."""
        seed = zlib.crc32(context.job_id.encode())
        return self.model.chat(job_input, seed=seed, live=context.streaming)


WORKER = Talker
