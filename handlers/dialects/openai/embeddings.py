"""``/embeddings``: numbers, or base64 of little-endian 32-bit floats, which the clients ask for."""

from __future__ import annotations

import base64
import struct
from typing import Any

from handlers.dialects.openai.operation import Document, Operation, Told, Wish
from pilotlight.catalogue import Served


def translate(document: Document, _served: Served) -> Wish:
    packed = document.get("encoding_format") == "base64"
    return Wish(document, {"base64": True} if packed else {})


def answer(told: Told) -> Document:
    packed = bool(told.options.get("base64"))
    usage = told.output.get("usage") or {}
    read = usage.get("prompt_tokens", 0)
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": one["index"],
                "embedding": pack(one["embedding"]) if packed else one["embedding"],
            }
            for one in told.output.get("data", ())
        ],
        "model": told.model,
        "usage": {"prompt_tokens": read, "total_tokens": usage.get("total_tokens") or read},
    }


def pack(numbers: list[Any]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


OPERATION = Operation(
    name="embeddings",
    path="/embeddings",
    tasks=frozenset({"openai/embeddings"}),
    translate=translate,
    answer=answer,
)
