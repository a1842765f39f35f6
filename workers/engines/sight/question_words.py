"""Questions as words, and words as sentences: what a model with a list of words can read and say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

UNKNOWN: Final = "<unknown>"
ANSWER: Final = "<answer>"
"""Between a question and its answer."""
END: Final = "<end>"
_WORD: Final = re.compile(r"[a-z]+|[.,]")
_SHORT: Final = re.compile(r"\b(what|where|which|there|it|that)'s\b")
_SAME: Final = {
    "color": "colour", "colors": "colours", "colored": "coloured", "gray": "grey",
    "center": "centre",
}  # fmt: skip
"""American spellings, by the British ones that are read instead."""


def words_of(text: str) -> list[str]:
    """Lower case, one spelling each; commas and full stops are words, other marks are nothing."""
    plain = _SHORT.sub(r"\1 is", text.lower().replace("\u2019", "'"))
    return [_SAME.get(word, word) for word in _WORD.findall(plain)]


def sentence(words: Sequence[str]) -> str:
    """As people write it: marks close up, a capital at the beginning."""
    text = " ".join(words).replace(" ,", ",").replace(" .", ".")
    text = re.sub(r"\bi\b", "I", text)
    return text[:1].upper() + text[1:]
