"""Instructions as their bare facts among words that mean nothing: what no list of patterns teaches.

"The" thing that is meant stays a phrase; before, between and behind the facts come common words
and words that nobody knows. The order of the facts is what people would say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.editing.wordings import Said, dressed, instruction, words_for
from training.shapes.captions import standard
from training.shapes.vocabulary import STRAY

if TYPE_CHECKING:
    from random import Random

    from training.editing.changes import Change

STREWN = 0.6
"""Share of the sentences that no pattern makes."""

GIBBERISH = "eeetaoinshrdlucmfwypvbgkjqxz"
MEANT_BY = {
    "add": ["add", "also", "another", "one more", "too", "as well", "plus", "extra", "more"],
    "remove": [
        "remove",
        "removed",
        "away",
        "gone",
        "out",
        "delete",
        "disappear",
        "erase",
        "without",
    ],
    "ground": ["background", "behind", "the background", "in front of", "on", "ground"],
}
"""Words without which these cannot be told from others; one of them is always said."""

TELLING = {"up", "down", "out", "behind", "another", "also", "too", "no", "not", "now", "so"}
NOISE = [word for word in STRAY if word not in TELLING]
"""Common words that say nothing about a change."""

FACTS = {
    "colour": ["w c", "w c", "w colour c", "w colour c", "c colour w"],
    "shape": ["w a_s", "w a_s", "w shape a_s", "a_s instead w"],
    "both": ["w a_cs", "w a_cs", "a_cs instead w"],
    "ground": ["k g", "w k g", "g k", "k w g", "g k w"],
    "bigger": ["w z"],
    "smaller": ["w z"],
    **{key: ["w d"] for key in ("left", "right", "up", "down")},
    "add": ["k a_cs p", "a_cs p k", "a_cs k p", "p k a_cs", "k p a_cs"],
    "remove": ["w k", "k w"],
}
"""Orders in which the facts of each kind are said; `k` is a word of MEANT_BY."""

JOINS = {
    "colour": ["the colour", "colour", "color", "the color"],
    "shape": ["the shape", "shape"],
    "instead": ["instead of", "in place of", "rather than"],
}


def strewn(rng: Random, asked: Change) -> Said:
    """One of endlessly many ways; descriptions are strewn by `training.shapes.captions`."""
    if asked.kind == "describe":
        return instruction(rng, asked, examined=False)
    words = words_for(rng, asked)
    words["a_s"] = rng.choice([words["a_s"], words["a_s"], words["s"]])
    words["g"] = rng.choice([words["g"], words["a_g"], words["g"]])
    text = noise(rng, 3)
    for fact in rng.choice(FACTS[asked.kind]).split():
        if fact == "k":
            said = rng.choice(MEANT_BY[asked.kind])
        else:
            said = rng.choice(JOINS[fact]) if fact in JOINS else words[fact]
        text = f"{text} {said} {noise(rng, 2)}"
    text = " ".join(text.split())
    return Said(dressed(rng, text), "" if asked.which is None else words["w"])


def either(rng: Random, asked: Change) -> Said:
    """By a pattern, or strewn."""
    if rng.random() < STREWN:
        return strewn(rng, asked)
    return instruction(rng, asked, examined=False)


def plain(rng: Random, asked: Change, which: str) -> str:
    """The one plain way to ask for the change, with these words for the thing that is meant."""
    if asked.kind == "describe":
        return standard(asked.after)
    words = words_for(rng, asked) | {"w": which}
    return " ".join(PLAIN[asked.kind].format(**words).split())


PLAIN = {
    "colour": "make {w} {c}",
    "shape": "turn {w} into {a_s}",
    "both": "turn {w} into {a_cs}",
    "ground": "change the background to {g}",
    "bigger": "make {w} bigger",
    "smaller": "make {w} smaller",
    "left": "move {w} to the left",
    "right": "move {w} to the right",
    "up": "move {w} up",
    "down": "move {w} down",
    "add": "add {a_cs} {p}",
    "remove": "remove {w}",
}


def noise(rng: Random, most: int) -> str:
    """Up to so many words that mean nothing."""
    count = rng.choice([0, 0, *range(1, most + 1)])
    return " ".join(
        rng.choice(NOISE)
        if rng.random() < 0.75
        else "".join(rng.choice(GIBBERISH) for _ in range(rng.randint(2, 8)))
        for _ in range(count)
    )
