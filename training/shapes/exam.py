"""The questions the model is examined with: sentences built unlike any it was taught.

Colours, shapes, sizes and sides are the vocabulary and stay; the sentences around them are new.
"""

from dataclasses import dataclass
from random import Random

from training.shapes.drawing import COLOUR_NAMES, SHAPES
from training.shapes.scenes import SIDES

LONE = [
    "Could you sketch {a_o} with {a_b} behind it?",
    "My kid wants {a_o}; use {b} for the background",
    "{o}, {b} backdrop",
    "Fill everything with {b} and put {a_o} in it",
    "poster showing {a_o} against solid {b}",
    "{b} wallpaper featuring {a_o}",
    "We would love to see {a_o} resting on {b}",
    "{a_o} is all there is, the rest stays {b}",
    "logo: {o} / {b}",
    "A {b} scene containing {a_o}",
    "Let there be {a_o} upon {a_b}",
    "can i get {a_o} where the background is {b}",
    "Nothing but {a_o} in front of {b}",
    "Background should be {b}, subject should be {a_o}",
    "{o} sitting on {b} paper",
]
PAIR = [
    "Could you sketch {a_o} and {a_p} with {a_b} behind them?",
    "{a_o} together with {a_p}, {b} backdrop",
    "We would love to see {a_o} followed by {a_p} on {b}",
    "{o} & {p} against solid {b}",
    "Put {a_o} and also {a_p} onto {a_b}",
    "a {b} scene containing {a_o} and {a_p}",
]
ASIDE = {
    "left": "on the left",
    "right": "on the right",
    "top": "at the top",
    "bottom": "at the bottom",
}


@dataclass(frozen=True)
class Question:
    """A prompt and what its picture must show; (colour, shape) from left to right."""

    prompt: str
    background: int
    things: tuple[tuple[int, int], ...]
    size: str | None = None
    side: str | None = None


def questions(*, lone: int, pairs: int, seed: int = 2024) -> list[Question]:
    """A repeatable exam; a larger one does not begin with the smaller one."""
    rng = Random(seed)
    return [_lone(rng) for _ in range(lone)] + [_pair(rng) for _ in range(pairs)]


def _lone(rng: Random) -> Question:
    colour, background = rng.sample(range(len(COLOUR_NAMES)), 2)
    shape, size = rng.randrange(len(SHAPES)), rng.choice([None, None, None, "small", "large"])
    side = rng.choice([None, None, None, *SIDES]) if size is None else None
    words = " ".join(filter(None, [size, COLOUR_NAMES[colour], SHAPES[shape]]))
    words = f"{words} {ASIDE[side]}" if side else words
    prompt = _say(rng.choice(LONE), COLOUR_NAMES[background], words, words)
    return Question(prompt, background, ((colour, shape),), size, side)


def _pair(rng: Random) -> Question:
    background, *colours = rng.sample(range(len(COLOUR_NAMES)), 3)
    things = tuple((colour, rng.randrange(len(SHAPES))) for colour in colours)
    words = [f"{COLOUR_NAMES[colour]} {SHAPES[shape]}" for colour, shape in things]
    return Question(_say(rng.choice(PAIR), COLOUR_NAMES[background], *words), background, things)


def _say(pattern: str, background: str, first: str, second: str) -> str:
    return pattern.format(
        o=first,
        p=second,
        b=background,
        a_o=_article(first),
        a_p=_article(second),
        a_b=_article(f"{background} background"),
    )


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
