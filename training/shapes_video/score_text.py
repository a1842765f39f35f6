"""`python -m training.shapes_video.score_text`: text to video by the cascade, held-out sentences.

Sentences of combinations that the film model was never trained on, each said in one of its many
ways; the worker's own code answers them, one seed each.
"""

import argparse
import time
from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor

from training.shapes_video.clips import Scene, caption
from training.shapes_video.reading import read
from training.shapes_video.score import marks, questions
from workers.starters.text_to_video import Cascade, Input


def film(cascade: Cascade, prompt: str, seed: int) -> Tensor:
    """(3, frames, side, side), -1 to 1."""
    asked = Input(prompt=prompt)
    picture = cascade.first_frame(prompt, seed=seed, on_step=lambda _step: None)
    made = cascade.film(asked, picture, seed=seed, on_step=lambda _step: None)
    return torch.from_numpy(made).permute(3, 0, 1, 2).float() / 127.5 - 1


def sentences(wanted: Sequence[Scene]) -> list[str]:
    """Always the same ones."""
    rng = Random(21)
    return [caption(scene, rng) for scene in wanted]


def report(cascade: Cascade, count: int) -> str:
    """The table as text."""
    wanted = questions(count)
    began = time.perf_counter()
    made = [film(cascade, said, k) for k, said in enumerate(sentences(wanted))]
    seconds = (time.perf_counter() - began) / count
    right = marks(wanted, [read(clip) for clip in made])
    lines = [f"{name:12}{right[name]:4} of {count}" for name in right]
    return "\n".join([*lines, f"{seconds:.2f} s a film"])


def main() -> None:
    """Read the command line, score, print."""
    parser = argparse.ArgumentParser(prog="python -m training.shapes_video.score_text")
    parser.add_argument("--films", type=int, default=98)
    args = parser.parse_args()
    cascade = Cascade()
    cascade.load()
    print(report(cascade, args.films))


if __name__ == "__main__":
    main()
