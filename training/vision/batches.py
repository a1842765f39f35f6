"""Pictures with questions and answers, as numbers."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.vision import wordings
from training.vision.drawing import COLOURS, SHAPES, Scene, draw, scene
from training.vision.questions import NUMBERS, PLACES, STRANGE, Asked, ask, plural
from workers.engines.sight.picture_network import GRID
from workers.engines.sight.question_words import ANSWER, END, UNKNOWN, words_of

NOT_ASKED = -100
"""A target that costs nothing, as torch has it."""
DRESSED, BLURRED = 0.3, 0.04
"""Share of questions with words around them, and of words that are made unknown."""


def vocabulary() -> list[str]:
    """Every word of the usual questions and of all answers, in order."""
    said = [text for texts in wordings.USUAL for text in texts]
    said += [*wordings.OPENINGS, *wordings.ENDINGS, *NUMBERS, STRANGE, "yes no the a an is are one"]
    said += [text for row in PLACES for text in row]
    said += ["it this that there background , . and on"]
    nouns = [*(one for many in wordings.SYNONYMS.values() for one in many), "shape", "thing",
             "object", "one", "figure", "item"]  # fmt: skip
    said += [*nouns, *map(plural, nouns), *SHAPES, *COLOURS]
    words = {word for text in said for word in words_of(text.format(it="", them="", a=""))}
    return [UNKNOWN, ANSWER, END, *sorted(words)]


class Batch(NamedTuple):
    """n pictures with m questions each."""

    pictures: Tensor
    """(n, 3, side, side), 0 to 1."""
    tokens: Tensor
    """(n, m, steps)."""
    targets: Tensor
    """The word that comes next, where it is of an answer: (n, m, steps)."""
    shapes: Tensor
    """What has its centre at each place, 0 for nothing: (n, places)."""
    colours: Tensor
    """Of that thing: (n, places)."""


class Teacher:
    """Draws and asks."""

    def __init__(self, words: Sequence[str], seed: int, kinds: Sequence[int]) -> None:
        """``kinds``: how often each kind of question is asked."""
        self._kinds = kinds
        self._numbers = {word: number for number, word in enumerate(words)}
        self._rng = Random(seed)

    def batch(self, pictures: int, questions: int) -> Batch:
        """Another one each time."""
        rng = self._rng
        scenes = [scene(rng) for _ in range(pictures)]
        drawn = np.stack([draw(rng, one) for one in scenes])
        lines = [
            [self._line(ask(rng, one, weights=self._kinds)) for _ in range(questions)]
            for one in scenes
        ]
        longest = max(len(tokens) for row in lines for tokens, _ in row) - 1
        told = torch.zeros(pictures, questions, longest, dtype=torch.long)
        wanted = torch.full_like(told, NOT_ASKED)
        for n, m in np.ndindex(pictures, questions):
            tokens, begins = lines[n][m]
            told[n, m, : len(tokens) - 1] = torch.tensor(tokens[:-1])
            wanted[n, m, begins : len(tokens) - 1] = torch.tensor(tokens[begins + 1 :])
        shapes, colours = _places(scenes)
        seen = torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255
        return Batch(seen, told, wanted, shapes, colours)

    def _line(self, asked: Asked) -> tuple[list[int], int]:
        """All tokens, and where the answer begins."""
        rng, unknown = self._rng, self._numbers[UNKNOWN]
        question = asked.question
        if rng.random() < DRESSED:
            question = f"{rng.choice(wordings.OPENINGS)} {question}"
        if rng.random() < DRESSED:
            question = f"{question} {rng.choice(wordings.ENDINGS)}"
        blurred = 0.3 if asked.answer == STRANGE else BLURRED
        spared = {*COLOURS, *SHAPES, *(plural(shape) for shape in SHAPES)}
        tokens = [
            unknown if rng.random() < blurred and word not in spared else self._numbers[word]
            for word in words_of(question)
        ]
        begins = len(tokens)
        said = [self._numbers[word] for word in (*words_of(asked.answer), END)]
        return [*tokens, self._numbers[ANSWER], *said], begins


def _places(scenes: Sequence[Scene]) -> tuple[Tensor, Tensor]:
    shapes = torch.zeros(len(scenes), GRID * GRID, dtype=torch.long)
    colours = torch.full_like(shapes, NOT_ASKED)
    for row, one in enumerate(scenes):
        for thing in one.things:
            at = int(thing.y * GRID) * GRID + int(thing.x * GRID)
            shapes[row, at], colours[row, at] = thing.shape + 1, thing.colour
    return shapes, colours
