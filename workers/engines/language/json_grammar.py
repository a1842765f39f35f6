"""Holds a model to a JSON schema, token by token: llguidance (MIT) says which may come next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pilotlight import InvalidInput, Problem

if TYPE_CHECKING:
    from torch import Tensor

    from pilotlight.contracts.tasks.chat import ResponseFormat

_AT = ("body", "response_format", "json_schema", "schema")


class JsonGrammars:
    """For one tokenizer."""

    def __init__(self, tokenizer: Any, *, size: int) -> None:
        """``tokenizer`` of transformers; ``size`` is that of the model's vocabulary."""
        from llguidance.hf import from_tokenizer

        self._tokenizer = from_tokenizer(tokenizer, n_vocab=size)
        self._size = size

    def grammar(self, wanted: ResponseFormat | None) -> str | None:
        """None where anything may be said. Raises InvalidInput for a schema that cannot hold."""
        if wanted is None or wanted.type == "text":
            return None
        schema: dict[str, Any] | None = {"type": "object"}
        if wanted.type == "json_schema":
            schema = wanted.json_schema.schema_ if wanted.json_schema else None
        if schema is None:
            raise _wrong("is missing")
        from llguidance import LLMatcher

        try:
            # Room for one space, or a small model fills the page with blank lines.
            grammar: str = LLMatcher.grammar_from_json_schema(
                json.dumps(schema), defaults={"whitespace_flexible": False}
            )
        except ValueError as error:
            raise _wrong(str(error)) from None
        complaint = LLMatcher.validate_grammar(grammar, self._tokenizer)
        if complaint:
            raise _wrong(complaint)
        return grammar

    def follow(self, grammar: str) -> Rail:
        """A fresh start of it."""
        from llguidance import LLMatcher

        return Rail(LLMatcher(self._tokenizer, grammar), self._size)


class Rail:
    """What one answer may still say."""

    def __init__(self, matcher: Any, size: int) -> None:
        self._matcher, self._size = matcher, size

    def allowed(self) -> Tensor:
        """One truth for each token of the vocabulary."""
        import numpy as np
        import torch

        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        return torch.from_numpy(np.unpackbits(bits, bitorder="little")[: self._size].astype(bool))

    def took(self, token: int) -> bool:
        """Go on; whether nothing may follow."""
        self._matcher.consume_token(token)
        return bool(self._matcher.is_stopped())


def _wrong(words: str) -> InvalidInput:
    problem = Problem(_AT, words, "invalid_json_schema")
    return InvalidInput(f"response_format.json_schema.schema {words}", problem)
