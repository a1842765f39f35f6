"""Workers that are a model behind vLLM and nothing else: the facts, and which questions it takes."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks import shapes
from pilotlight.contracts.tasks.chat import Chat, Completion
from pilotlight.contracts.tasks.ranking import Rerank
from workers.engines.vllm import shown
from workers.engines.vllm.engine import Vllm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What an owner wants to know before a GPU is rented for it."""

    repo: str
    """On the Hugging Face hub, or a folder."""
    licence: str
    """Of the weights, as their makers say."""
    gpu_memory_gib: float
    quantisation: str
    """Of the weights as they are loaded."""
    context: int
    """Tokens of a conversation, its answer included."""
    revision: str = ""
    """Commit of the repository; empty: whatever is newest when it is fetched."""
    jobs: int = 32
    """That share a batch."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """More of ``vllm serve``."""

    def engine(self) -> Vllm:
        return Vllm(self.repo, **self.words)

    @property
    def words(self) -> dict[str, Any]:
        """All arguments of ``vllm serve`` but the model."""
        pinned = {"revision": self.revision} if self.revision else {}
        return {
            "max_model_len": self.context, "max_num_seqs": self.jobs, **pinned, **self.arguments
        }  # fmt: skip

    def spec(self, name: str, /, **tasks: str) -> WorkerSpec:
        """``tasks``: a task type by the ending of its endpoint's id; ``_`` for none."""
        return WorkerSpec(
            name=name,
            endpoints=tuple(
                Endpoint(
                    id=name if ending == "_" else f"{name}-{ending}",
                    task=task,
                    input=shapes(task)[0],
                    output=shapes(task)[1],
                    description=f"{self.repo} ({self.licence}) through vLLM.",
                    streams=task.startswith("openai/chat-completion"),
                )
                for ending, task in tasks.items()
            ),
            gpu_memory_gib=self.gpu_memory_gib,
            timeout_s=900,
            load_timeout_s=1800,
            jobs_per_replica=self.jobs,
            keep_alive_s=300,
            weights={self.repo: self.revision},
        )


class Talking(Worker[Chat, Completion]):
    """Conversations, with pictures where the model has eyes."""

    model: ClassVar[Served]

    def load(self) -> Coroutine[Any, Any, None]:
        self.engine = self.model.engine()
        return self.engine.load()

    async def run(self, job_input: Chat, context: Context) -> AsyncIterator[Completion]:
        """Another attempt of the same job starts from the same seed."""
        await asyncio.to_thread(shown.bring, job_input, context)
        seed = zlib.crc32(context.job_id.encode())
        said = self.engine.chat(job_input, seed=seed, live=context.streaming)
        async with contextlib.aclosing(said):
            async for told in said:
                yield told


class Pooling(Worker[Any, Any]):
    """Embeddings, or what is made of them: an order, a score."""

    model: ClassVar[Served]

    def load(self) -> Coroutine[Any, Any, None]:
        self.engine = self.model.engine()
        return self.engine.load()

    def run(self, job_input: Any, context: Context) -> Any:  # noqa: ARG002 - too quick to report
        if isinstance(job_input, Rerank):
            return self.engine.rerank(job_input)
        if hasattr(job_input, "text_1"):
            return self.engine.score(job_input)
        return self.engine.embed(job_input)
