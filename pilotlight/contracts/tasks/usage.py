"""What a text model has read and written."""

from __future__ import annotations

from pydantic import BaseModel, NonNegativeInt


class Usage(BaseModel):
    """Tokens."""

    prompt_tokens: NonNegativeInt = 0
    completion_tokens: NonNegativeInt = 0
    total_tokens: NonNegativeInt = 0
