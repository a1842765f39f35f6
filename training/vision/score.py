"""`python -m training.vision.score WEIGHTS`: how many answers are right to the letter."""

import argparse
from collections import Counter
from pathlib import Path
from random import Random

import torch
from PIL import Image

from training.vision import wordings
from training.vision.drawing import Scene, draw, scene
from training.vision.questions import ask
from workers.engines.sight.picture_answers import PictureAnswers
from workers.engines.sight.question_words import sentence, words_of

UNSEEN = 977
"""The seed of the pictures that are scored; training draws from seed 0."""
PICTURES = 250
"""Of each kind, asked four questions each."""


def accuracy(
    model: PictureAnswers,
    *,
    wording: wordings.Wording,
    unseen: bool = False,
    seed: int = UNSEEN,
    pictures: int = PICTURES,
) -> dict[str, tuple[int, int]]:
    """(right, asked) by the kind of the question, as its answer begins."""
    rng = Random(seed)
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for _ in range(pictures):
        shown = scene(rng, unseen=unseen)
        picture = Image.fromarray(draw(rng, shown))
        for _ in range(4):
            kind, question, answer = _question(rng, shown, wording)
            said = sentence(list(model.answer(picture, question)))
            asked[kind] += 1
            right[kind] += said == sentence(words_of(answer))
    return {kind: (right[kind], asked[kind]) for kind in sorted(asked)}


def _question(rng: Random, shown: Scene, wording: wordings.Wording) -> tuple[str, str, str]:
    """Kind, question, answer."""
    question, answer = ask(rng, shown, wording)
    words = words_of(question)
    kinds = {"many": "how many", "count": "how many", "number": "how many",
             "background": "background", "behind": "background", "where": "where",
             "colour": "colour", "shape": "shape"}  # fmt: skip
    kind = next((kinds[word] for word in kinds if word in words), "other")
    return kind, question, answer


def report(weights: Path) -> str:
    """A line for each way of asking."""
    torch.set_num_threads(1)
    model = PictureAnswers(weights)
    ways = {
        "unseen pictures": accuracy(model, wording=wordings.USUAL),
        "unseen pairs of colour and shape": accuracy(model, wording=wordings.USUAL, unseen=True),
        "unseen wordings": accuracy(model, wording=wordings.EXAM),
    }
    lines = []
    for name, told in ways.items():
        right, asked = (sum(one[n] for one in told.values()) for n in (0, 1))
        kinds = ", ".join(f"{kind} {good}/{many}" for kind, (good, many) in told.items())
        lines.append(f"{name:34}{100 * right / asked:5.1f} %  ({kinds})")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, score, print."""
    parser = argparse.ArgumentParser(prog="python -m training.vision.score", description=__doc__)
    parser.add_argument("weights", type=Path)
    print(report(parser.parse_args().weights))


if __name__ == "__main__":
    main()
