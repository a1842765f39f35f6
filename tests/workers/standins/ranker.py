"""How many words two texts share: good enough to put documents in order."""

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


class Ranker(Worker[Rerank | Score, Ranking | Scores]):
    spec: ClassVar = WorkerSpec(
        name="ranker",
        endpoints=(
            Endpoint(id="tests/rerank", task="openai/rerank", input=Rerank, output=Ranking),
            Endpoint(id="tests/score", task="openai/score", input=Score, output=Scores),
        ),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Rerank | Score, context: Context) -> Ranking | Scores:
        return _ranking(job_input) if isinstance(job_input, Rerank) else _scores(job_input)


def _ranking(wish: Rerank) -> Ranking:
    texts = [one if isinstance(one, str) else one.text for one in wish.documents]
    results = [
        Ranked(
            index=index,
            relevance_score=_shared(wish.query, text),
            document=Document(text=text) if wish.return_documents else None,
        )
        for index, text in enumerate(texts)
    ]
    results.sort(key=lambda one: -one.relevance_score)
    return Ranking(results=results[: wish.top_n or None], usage=_usage([wish.query, *texts]))


def _scores(wish: Score) -> Scores:
    first = [wish.text_1] if isinstance(wish.text_1, str) else wish.text_1
    second = [wish.text_2] if isinstance(wish.text_2, str) else wish.text_2
    pairs = list(zip(first * len(second) if len(first) == 1 else first, second, strict=True))
    data = [Scored(index=index, score=_shared(*pair)) for index, pair in enumerate(pairs)]
    return Scores(data=data, usage=_usage([*first, *second]))


def _shared(one: str, other: str) -> float:
    left, right = set(one.lower().split()), set(other.lower().split())
    return len(left & right) / (len(left | right) or 1)


def _usage(texts: list[str]) -> Usage:
    read = sum(len(text.split()) for text in texts)
    return Usage(prompt_tokens=read, total_tokens=read)


WORKER = Ranker
