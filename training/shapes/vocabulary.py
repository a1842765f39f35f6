"""The words that have a token of their own, and the two tokenizers built on them.

Everything else is spelled letter by letter. Both tokenizers are made here, from nothing.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from training.shapes.drawing import COLOUR_NAMES, SHAPES

if TYPE_CHECKING:
    from transformers import CLIPTokenizer, T5TokenizerFast

END = "</w>"
"""Marks the last token of a word, as CLIP does."""

TEXT_LENGTH = 64
"""Most tokens of one caption that the CLIP encoder reads."""

SMALL_WORDS = ["small", "little", "tiny"]
LARGE_WORDS = ["large", "big", "huge"]
STRAY = Path(__file__).with_name("stray_words.txt").read_text().split()
"""Common words that say nothing about the scene here; captions are strewn with them at random."""

MEANT = [
    "a",
    "an",
    "the",
    "on",
    "in",
    "of",
    "with",
    "and",
    "at",
    "to",
    "over",
    "under",
    "above",
    "below",
    "against",
    "front",
    "background",
    "next",
    "beside",
    "left",
    "right",
    "top",
    "bottom",
    "side",
    "plus",
    "well",
    "two",
]
WORDS = sorted({*COLOUR_NAMES, *SHAPES, *SMALL_WORDS, *LARGE_WORDS, *MEANT, *STRAY})


def clip_tokenizer(words: Sequence[str] = WORDS) -> "CLIPTokenizer":
    """Byte pairs merged just far enough that each of the words becomes one token."""
    from tokenizers.pre_tokenizers import ByteLevel  # noqa: PLC0415
    from transformers import CLIPTokenizer  # noqa: PLC0415

    merges = merged_pairs(words)
    letters = sorted(ByteLevel.alphabet())
    ends = [letter + END for letter in letters]
    marks = ["<|startoftext|>", "<|endoftext|>"]
    tokens = dict.fromkeys([*letters, *ends, *(a + b for a, b in merges), *marks])
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=merges,
        model_max_length=TEXT_LENGTH,
        bos_token=marks[0],
        eos_token=marks[1],
        unk_token=marks[1],
        pad_token=marks[1],
    )


def merged_pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """Which pairs of tokens to join, in order, until every word is one.

    The usual trainer breaks ties by chance, which would give every run another vocabulary.
    """
    spelled = [[*word[:-1], word[-1] + END] for word in words]
    merges: list[tuple[str, str]] = []
    while counts := Counter(pair for word in spelled for pair in pairwise(word)):
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        spelled = [_joined(word, best) for word in spelled]
    return merges


def _joined(word: list[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    for token in word:
        if joined and (joined[-1], token) == pair:
            joined[-1] += token
        else:
            joined.append(token)
    return joined


def t5_tokenizer() -> "T5TokenizerFast":
    """Whole words or single letters; its encoder is silent, so it only has to be well formed."""
    from transformers import T5TokenizerFast  # noqa: PLC0415

    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?-'"
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0), ("▁", -3.0)]
    pieces += [("▁" + word, -1.0) for word in WORDS]
    pieces += [(letter, -6.0) for letter in letters]
    return T5TokenizerFast(vocab=pieces, extra_ids=0, model_max_length=TEXT_LENGTH)
