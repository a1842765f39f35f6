"""``/moderations``: a judgement of each text, by every one of OpenAI's categories."""

from __future__ import annotations

from typing import Any

from handlers.dialects.openai.operation import Document, Operation, Told, Wish
from pilotlight.catalogue import Served


def translate(document: Document, _served: Served) -> Wish:
    given = document.get("input")
    parts = given if isinstance(given, list) else []
    pictures = any(isinstance(part, dict) and part.get("type") == "image_url" for part in parts)
    return Wish(document, {"pictures": True} if pictures else {})


def answer(told: Told) -> Document:
    kinds = ["text", "image"] if told.options.get("pictures") else ["text"]
    return {
        "id": f"modr-{told.id}",
        "model": told.model,
        "results": [_judgement(one, kinds) for one in told.output.get("results", ())],
    }


def _judgement(one: Document, kinds: list[str]) -> dict[str, Any]:
    categories = one.get("categories") or {}
    return {
        "flagged": one.get("flagged", False),
        "categories": categories,
        "category_scores": one.get("category_scores") or {},
        "category_applied_input_types": dict.fromkeys(categories, kinds),
    }


OPERATION = Operation(
    name="moderations",
    path="/moderations",
    tasks=frozenset({"openai/chat-completion/moderation"}),
    translate=translate,
    answer=answer,
)
