"""Texts as points on a circle of words: the same words, the same point."""

from __future__ import annotations

import hashlib
import math
from typing import ClassVar

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks.embeddings import Embed, Embedding, Embeddings
from pilotlight.contracts.tasks.usage import Usage

SIDES = 8


class Placer(Worker[Embed, Embeddings]):
    spec: ClassVar = WorkerSpec(
        name="placer",
        endpoints=(
            Endpoint(id="tests/embed", task="openai/embeddings", input=Embed, output=Embeddings),
        ),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Embed, context: Context) -> Embeddings:
        texts = _texts(job_input.input)
        sides = job_input.dimensions or SIDES
        read = sum(len(words) for words in texts)
        return Embeddings(
            data=[
                Embedding(index=index, embedding=place(words, sides))
                for index, words in enumerate(texts)
            ],
            usage=Usage(prompt_tokens=read, total_tokens=read),
        )


def _texts(given: object) -> list[list[str]]:
    if isinstance(given, str):
        return [given.split()]
    assert isinstance(given, list)
    if isinstance(given[0], int):
        return [[str(token) for token in given]]
    return [one.split() if isinstance(one, str) else [str(t) for t in one] for one in given]


def place(words: list[str], sides: int) -> list[float]:
    """Of length 1."""
    sums = [0.0] * sides
    for word in words:
        digest = hashlib.sha256(word.lower().encode()).digest()
        for side in range(sides):
            sums[side] += digest[side % len(digest)] - 127.5
    length = math.sqrt(sum(one * one for one in sums)) or 1.0
    return [one / length for one in sums]


WORKER = Placer
