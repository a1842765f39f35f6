"""``openai/embeddings``: texts as points."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.tasks.usage import Usage

Tokens = list[int]


class Embed(BaseModel):
    input: str | list[str] | Tokens | list[Tokens] = Field(
        min_length=1, examples=["a lighthouse on a cliff"]
    )
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1)
    user: str | None = None


class Embedding(BaseModel):
    index: int
    embedding: list[float]
    """As numbers; a dialect packs them where base64 was asked for."""


class Embeddings(BaseModel):
    data: list[Embedding]
    usage: Usage = Usage()
