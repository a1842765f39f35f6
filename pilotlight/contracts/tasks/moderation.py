"""``openai/chat-completion/moderation``: a chat model judges what people wrote."""

from __future__ import annotations

from typing import Final, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from pilotlight.contracts.tasks.chat import Message, Part

CATEGORIES: Final = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit",
    "illicit/violent", "self-harm", "self-harm/intent", "self-harm/instructions", "sexual",
    "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
"""OpenAI's, which a judgement names every one of."""


class Moderation(BaseModel):
    """What to judge: texts, parts with pictures, or a conversation."""

    input: str | list[str] | list[Part] | None = Field(
        default=None, examples=["I will paint your fence."]
    )
    messages: list[Message] | None = None
    model: str | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.input and not self.messages:
            raise PydanticCustomError("missing", "input or messages has to be given")
        return self


class Judgement(BaseModel):
    """``category_scores`` from 0 to 1."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]


class Moderated(BaseModel):
    """One judgement for each text."""

    results: list[Judgement]
