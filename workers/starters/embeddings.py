"""Texts as points: all-MiniLM-L6-v2 (Apache-2.0) on the processor, 384 numbers each."""

from __future__ import annotations

from typing import ClassVar

from pilotlight import Context, Endpoint, InvalidInput, Problem, Worker, WorkerSpec
from pilotlight.contracts.tasks.embeddings import Embed, Embedding, Embeddings
from pilotlight.contracts.tasks.usage import Usage
from workers.engines.language.sentences import Sentences
from workers.engines.weights.carried import weights


class Embedder(Worker[Embed, Embeddings]):
    spec: ClassVar = WorkerSpec(
        name="embeddings",
        endpoints=(
            Endpoint(
                id="pilotlight/embeddings",
                task="openai/embeddings",
                input=Embed,
                output=Embeddings,
                description="English sentences as 384 numbers: near in meaning is near.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=300,
    )

    def load(self) -> None:
        self.sentences = Sentences(weights("minilm"))

    def run(self, job_input: Embed, context: Context) -> Embeddings:  # noqa: ARG002 - too quick to report
        """``dimensions`` keeps the first numbers and scales them to length 1 again."""
        size = job_input.dimensions or self.sentences.size
        if size > self.sentences.size:
            words = f"must be at most {self.sentences.size}"
            problem = Problem(("body", "dimensions"), words, "less_than_equal")
            raise InvalidInput(f"dimensions {words}", problem)
        points, tokens = self.sentences.points(_texts(job_input.input))
        cut = points[:, :size]
        cut = cut / cut.norm(dim=1, keepdim=True).clamp(min=1e-12)
        data = [Embedding(index=n, embedding=row) for n, row in enumerate(cut.tolist())]
        return Embeddings(data=data, usage=Usage(prompt_tokens=tokens, total_tokens=tokens))


def _texts(given: str | list[str] | list[int] | list[list[int]]) -> list[str | list[int]]:
    """One item per vector: a bare list of numbers is one text, as tokens."""
    if isinstance(given, str):
        return [given]
    if all(isinstance(one, int) for one in given):
        return [[one for one in given if isinstance(one, int)]]
    return [one for one in given if not isinstance(one, int)]


WORKER = Embedder
