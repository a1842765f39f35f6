"""Which token comes next: the usual dials, over one row of scores.

The dials mean what they mean to OpenAI
(https://platform.openai.com/docs/api-reference/chat/create) and to vLLM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    temperature: float
    """0 always takes the likeliest."""
    top_p: float
    presence_penalty: float
    frequency_penalty: float

    def pick(
        self, scores: Tensor, written: Sequence[int], allowed: Tensor | None, chance: Generator
    ) -> int:
        """``scores``: float, one for each token of the vocabulary; it is not changed.

        ``allowed`` is true where a grammar lets a token stand.
        """
        scores = self._penalised(scores, written)
        if allowed is not None:
            scores = scores.masked_fill(~allowed, float("-inf"))
        if self.temperature == 0:
            return int(scores.argmax())
        shares = (scores / self.temperature).softmax(-1)
        if self.top_p < 1:
            shares = _nucleus(shares, self.top_p)
        return int(shares.multinomial(1, generator=chance))

    def _penalised(self, scores: Tensor, written: Sequence[int]) -> Tensor:
        if not written or not (self.presence_penalty or self.frequency_penalty):
            return scores
        import torch

        counts = torch.bincount(torch.tensor(written), minlength=len(scores)).to(scores.dtype)
        return (
            scores - self.frequency_penalty * counts - self.presence_penalty * counts.clamp(max=1)
        )


def _nucleus(shares: Tensor, top_p: float) -> Tensor:
    """Only the likeliest tokens that make up ``top_p`` of it."""
    ranked, order = shares.sort(descending=True)
    ranked[ranked.cumsum(-1) - ranked >= top_p] = 0
    return shares.new_zeros(len(shares)).scatter(0, order, ranked)


def likelihood(scores: Tensor, token: int, *, top: int, tokenizer: Any) -> dict[str, Any]:
    """How likely the token was, before any dial; with the ``top`` likeliest beside it."""
    logs = scores.log_softmax(-1)
    best = logs.topk(top) if top else None
    others = [] if best is None else zip(best.values.tolist(), best.indices.tolist(), strict=True)
    return {
        **_token(token, float(logs[token]), tokenizer),
        "top_logprobs": [_token(other, log, tokenizer) for log, other in others],
    }


def _token(token: int, log: float, tokenizer: Any) -> dict[str, Any]:
    text = tokenizer.decode([token], skip_special_tokens=False)
    whole = "\ufffd" not in text  # else it is part of a character
    return {"token": text, "logprob": log, "bytes": list(text.encode()) if whole else None}
