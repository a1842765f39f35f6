"""Moondream 3 through transformers: its four skills, with what fal's contract tells of their cost.

The repository brings the model's code, so its revision is pinned. Of what that code offers only
the calls on its page are used: https://huggingface.co/moondream/moondream3-preview.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from pilotlight import stage
from pilotlight.contracts.endpoints.moondream import UsageInfo

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

PLACES: Final = 27 * 27 + 1
"""Tokens that a picture takes, the one before it included, whatever its size."""
TOKENS_OF_A_BOX: Final = 3
"""Its place along both sides, and its size."""
TOKENS_OF_A_POINT: Final = 2


class Moondream:
    """A loaded model. Not for two threads at once."""

    def __init__(self, repo: str, /, **arguments: Any) -> None:
        """``arguments`` of ``from_pretrained``, such as ``revision``."""
        with stage("imports"):
            import torch
            from transformers import AutoModelForCausalLM
        with stage("weights"):
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                repo, trust_remote_code=True, use_safetensors=True, dtype=torch.bfloat16,
                **arguments,
            )  # fmt: skip
        with stage("warm_up"):
            self._model.compile()

    def look(self, picture: Picture) -> Look:
        """Read it once."""
        began = time.perf_counter()
        seen = self._model.encode_image(picture)
        return Look(self._model, seen, time.perf_counter() - began)


class Look:
    """A picture that was read, to be asked about once."""

    def __init__(self, model: Any, seen: Any, took_s: float) -> None:
        self._model, self._seen, self._read_s = model, seen, took_s
        self._asked = self._said = 0
        self._told_s = 0.0

    def boxes(self, what: str) -> list[dict[str, float]]:
        """Edges of each one: ``x_min``, ``y_min``, ``x_max``, ``y_max``, as shares of the sides."""
        found: list[dict[str, float]] = self._ask(what, "detect", what)["objects"]
        self._said = 1 + TOKENS_OF_A_BOX * len(found)
        return found

    def points(self, what: str) -> list[dict[str, float]]:
        """The middle of each one: ``x``, ``y``, as shares of the sides."""
        found: list[dict[str, float]] = self._ask(what, "point", what)["points"]
        self._said = 1 + TOKENS_OF_A_POINT * len(found)
        return found

    def caption(self, length: str, settings: dict[str, float]) -> str:
        return self._text("", self._ask("", "caption", length=length, settings=settings)["caption"])

    def answer(self, question: str, *, reasoning: bool, settings: dict[str, float]) -> str:
        told = self._ask(
            question, "query", question=question, reasoning=reasoning, settings=settings
        )
        thought = (told.get("reasoning") or {}).get("text", "")
        return self._text(thought, told["answer"])

    @property
    def usage(self) -> UsageInfo:
        """The picture is read before the first token is made; all that follows is decoding."""
        return UsageInfo(
            input_tokens=PLACES + self._asked,
            output_tokens=self._said,
            prefill_time_ms=_ms(self._read_s),
            decode_time_ms=_ms(self._told_s),
            ttft_ms=_ms(self._read_s),
        )

    def _ask(self, words: str, skill: str, *asked: str, **more: Any) -> dict[str, Any]:
        self._asked = self._tokens(words)
        began = time.perf_counter()
        told: dict[str, Any] = getattr(self._model, skill)(self._seen, *asked, **more)
        self._told_s = time.perf_counter() - began
        return told

    def _text(self, thought: str, said: str) -> str:
        self._said = self._tokens(thought) + self._tokens(said)
        return said.strip()

    def _tokens(self, text: str) -> int:
        return len(self._model.model.tokenizer.encode(text).ids) if text else 0


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)
