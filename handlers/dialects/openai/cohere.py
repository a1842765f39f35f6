"""Cohere's ``/v2/rerank``: its clients take the address of the site, without ``/v1``.

Wire facts: https://docs.cohere.com/reference/rerank; cohere 7.3 (Python) shows the body of an
error whole, @ai-sdk/cohere 3.0 only its ``message``.
"""

from __future__ import annotations

from typing import Final

from handlers.dialects.openai import ranking
from handlers.dialects.openai.operation import Document, Operation, Told, Wish
from pilotlight.catalogue import Served

_VERSION: Final = {"version": "2"}


def _asked(document: Document, _served: Served) -> Wish:
    """Documents come back with their numbers only, unless they are asked for."""
    return Wish({"return_documents": False} | document)


def _ranking(told: Told) -> Document:
    said = ranking.RERANK.answer(told)
    assert isinstance(said, dict)
    read = said["usage"]["prompt_tokens"]
    tokens = {"input_tokens": read, "output_tokens": 0}
    return said | {"meta": {"api_version": _VERSION, "tokens": tokens}}


def _refusal(body: Document) -> Document:
    return {"message": body["error"]["message"]} | body


RERANK = Operation(
    name="rerank.v2",
    path="/rerank",
    prefixes=("/v2",),
    tasks=ranking.RERANK.tasks,
    translate=_asked,
    answer=_ranking,
    refusal=_refusal,
)
