"""``/rerank`` and ``/score``, which OpenAI does not have: the shapes are vLLM's."""

from __future__ import annotations

from typing import Final

from handlers.dialects.openai.operation import Document, Operation, Told, Wish
from handlers.dialects.openai.places import PREFIXES
from pilotlight.catalogue import Served

_PAIRS: Final = (("data_1", "data_2"), ("queries", "documents"), ("queries", "items"))
"""Other names of ``text_1`` and ``text_2``."""
_PREFIXES: Final = (*PREFIXES, "")
"""vLLM's are at the root too: its clients are given the address of the site."""


def _usage(output: Document) -> Document:
    usage = output.get("usage") or {}
    read = usage.get("prompt_tokens", 0)
    return {"prompt_tokens": read, "total_tokens": usage.get("total_tokens") or read}


def _as_it_is(document: Document, _served: Served) -> Wish:
    return Wish(document)


def ranking(told: Told) -> Document:
    return {
        "id": f"rerank-{told.id}",
        "model": told.model,
        "usage": _usage(told.output),
        "results": [
            {name: value for name, value in one.items() if value is not None}
            for one in told.output.get("results", ())
        ],
    }


def _pair(document: Document, _served: Served) -> Wish:
    for first, second in _PAIRS:
        if first in document and second in document:
            rest = {name: value for name, value in document.items() if name not in (first, second)}
            body = rest | {"text_1": document[first], "text_2": document[second]}
            return Wish(body, {}, {"text_1": first, "text_2": second})
    return Wish(document)


def _scores(told: Told) -> Document:
    return {
        "id": f"score-{told.id}",
        "object": "list",
        "created": told.created,
        "model": told.model,
        "data": [
            {"index": one["index"], "object": "score", "score": one["score"]}
            for one in told.output.get("data", ())
        ],
        "usage": _usage(told.output),
    }


RERANK = Operation(
    name="rerank",
    path="/rerank",
    prefixes=_PREFIXES,
    tasks=frozenset({"openai/rerank"}),
    translate=_as_it_is,
    answer=ranking,
)
SCORE = Operation(
    name="score",
    path="/score",
    prefixes=_PREFIXES,
    tasks=frozenset({"openai/score"}),
    translate=_pair,
    answer=_scores,
)
