"""``openai/rerank`` and ``openai/score``: how well texts fit each other."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from pilotlight.contracts.tasks.usage import Usage

Texts = str | list[str]


class Document(BaseModel):
    text: str


class Rerank(BaseModel):
    """Documents, to be put in order of how well they answer a query."""

    model: str = Field(examples=["acme/rerank"])
    query: str = Field(examples=["Where is the lighthouse?"])
    documents: list[str | Document] = Field(
        min_length=1, examples=[["It stands on the cliff.", "Soup is served at noon."]]
    )
    top_n: int | None = Field(default=None, ge=0, description="0 or left out: all of them.")
    return_documents: bool = True


class Ranked(BaseModel):
    """``index`` is that of the document as it was sent."""

    index: int
    relevance_score: float
    document: Document | None = None


class Ranking(BaseModel):
    """The best first."""

    results: list[Ranked]
    usage: Usage = Usage()


class Score(BaseModel):
    """Pairs of texts: one with each of the others, or each with its counterpart."""

    model: str = Field(examples=["acme/score"])
    text_1: Texts = Field(min_length=1, examples=["a lighthouse"])
    text_2: Texts = Field(min_length=1, examples=[["a beacon", "a spoon"]])

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if isinstance(self.text_1, list) and len(self.text_1) > 1:
            others = 1 if isinstance(self.text_2, str) else len(self.text_2)
            if others != len(self.text_1):
                raise PydanticCustomError("value_error", "text_1 is one text, or as many as text_2")
        return self


class Scored(BaseModel):
    index: int
    score: float


class Scores(BaseModel):
    data: list[Scored]
    usage: Usage = Usage()
