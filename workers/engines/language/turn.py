"""One turn of a conversation while it is written: tokens in, the words that stand out.

Nothing is said that a stop sequence may still take back, and no half of a character.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pilotlight.contracts.tasks.chat import Answer, Choice, Since

if TYPE_CHECKING:
    from collections.abc import Sequence


def settled(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The part of ``text`` that stands, and whether a stop sequence ended it there."""
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    if ends:
        return text[: min(ends)], True
    held = max(
        (n for stop in stops for n in range(1, len(stop)) if text.endswith(stop[:n])), default=0
    )
    return text[: len(text) - held], False


@dataclass(slots=True)
class Turn:
    """``text`` stands; ``ended`` says why nothing follows, None while something may."""

    tokenizer: Any
    """Of the library ``tokenizers``."""
    stops: Sequence[str]
    ends: frozenset[int]
    """Tokens that end a turn."""
    limit: int
    """Most tokens."""
    text: str = ""
    ended: Literal["stop", "length"] | None = None
    tokens: list[int] = field(default_factory=list)
    likelihoods: list[dict[str, Any]] = field(default_factory=list)
    """Of the tokens in ``text``, as OpenAI writes them; empty where nobody asked."""
    _heard: str = ""
    _begins: list[int] = field(default_factory=list)
    _decoder: Any = None
    _told: Since = field(default_factory=Since)

    def __post_init__(self) -> None:
        from tokenizers.decoders import DecodeStream

        self._decoder = DecodeStream(skip_special_tokens=True)

    def add(self, token: int, likelihood: dict[str, Any] | None = None) -> None:
        """The next token, with how likely it was."""
        self.tokens.append(token)
        if token in self.ends:
            self.text, self.ended = self._heard, "stop"
            return
        self._begins.append(len(self._heard))
        self._heard += self._decoder.step(self.tokenizer, token) or ""
        if likelihood is not None:
            self.likelihoods.append(likelihood)
        self.text, stopped = settled(self._heard, self.stops)
        if stopped:
            self._forget_what_was_cut()
            self.ended = "stop"
        elif len(self.tokens) >= self.limit:
            self.text, self.ended = self._heard, "length"

    def _forget_what_was_cut(self) -> None:
        kept = sum(begin < len(self.text) for begin in self._begins)
        del self.likelihoods[kept:]

    def choice(self, index: int, *, logprobs: bool) -> Choice:
        """All of it."""
        return self._choice(index, Since(), logprobs=logprobs)

    def news(self, index: int, *, logprobs: bool) -> Choice:
        """What stands since this was asked before."""
        since = self._told
        self._told = Since(content=len(self.text), logprobs=len(self.likelihoods))
        return self._choice(index, since, logprobs=logprobs)

    def _choice(self, index: int, since: Since, *, logprobs: bool) -> Choice:
        fresh = self.likelihoods[since.logprobs :]
        return Choice(
            index=index,
            message=Answer(content=self.text[since.content :]),
            logprobs={"content": fresh, "refusal": None} if logprobs else None,
            finish_reason=self.ended or "stop",
            since=since if since.content or since.logprobs else None,
        )
