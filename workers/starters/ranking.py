"""How well texts fit: the cosine of their points, from all-MiniLM-L6-v2 (Apache-2.0).

A large model that reads both texts at once judges better. A small one that was trained here did not:
docs/starters.md has the figures.
"""

from __future__ import annotations

from typing import ClassVar

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks.ranking import (
    Document,
    Ranked,
    Ranking,
    Rerank,
    Score,
    Scored,
    Scores,
)
from pilotlight.contracts.tasks.usage import Usage
from workers.engines.language.sentences import Sentences
from workers.engines.weights.carried import weights


class Ranker(Worker[Rerank | Score, Ranking | Scores]):
    spec: ClassVar = WorkerSpec(
        name="ranking",
        endpoints=(
            Endpoint(
                id="pilotlight/rerank",
                task="openai/rerank",
                input=Rerank,
                output=Ranking,
                description="Documents in order of how near they are to a query in meaning.",
            ),
            Endpoint(
                id="pilotlight/score",
                task="openai/score",
                input=Score,
                output=Scores,
                description="How near two texts are in meaning, -1 to 1.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=300,
    )

    def load(self) -> None:
        self.sentences = Sentences(weights("minilm"))

    def run(
        self,
        job_input: Rerank | Score,
        context: Context,  # noqa: ARG002 - too quick to report
    ) -> Ranking | Scores:
        return (
            self._ranking(job_input) if isinstance(job_input, Rerank) else self._scores(job_input)
        )

    def _ranking(self, asked: Rerank) -> Ranking:
        texts = [one.text if isinstance(one, Document) else one for one in asked.documents]
        points, tokens = self.sentences.points([asked.query, *texts])
        fits = (points[1:] @ points[0]).tolist()
        best = sorted(range(len(texts)), key=lambda n: -fits[n])[: asked.top_n or None]
        return Ranking(
            results=[
                Ranked(
                    index=n,
                    relevance_score=fits[n],
                    document=Document(text=texts[n]) if asked.return_documents else None,
                )
                for n in best
            ],
            usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
        )

    def _scores(self, asked: Score) -> Scores:
        left, right = _listed(asked.text_1), _listed(asked.text_2)
        points, tokens = self.sentences.points([*left, *right])
        pairs = points[: len(left)] * points[len(left) :]  # one with each, or each with its own
        return Scores(
            data=[Scored(index=n, score=fit) for n, fit in enumerate(pairs.sum(1).tolist())],
            usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
        )


def _listed(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts


WORKER = Ranker
