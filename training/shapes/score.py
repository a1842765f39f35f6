"""`python -m training.shapes.score MODEL_DIR`: examine a saved model by the pixels it makes."""

import argparse
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from training.shapes import pipeline
from training.shapes.drawing import COLOUR_NAMES, SHAPES
from training.shapes.exam import Question, questions
from training.shapes.reading import Reading, Seen, read
from training.shapes.scenes import SIDES

log = logging.getLogger(__name__)

SMALL_BELOW, LARGE_ABOVE, ASIDE_BY = 0.42, 0.66, 0.1
"""Extents of small and large things, and how far from the middle counts as a side."""

GRID = [
    "a red circle on a blue background",
    "green square, white background",
    "an orange ring on black",
    "yellow star on a purple background",
    "a small red star on a white background",
    "a small purple star on green",
    "a large green ring on black",
    "a large white ring on a red background",
    "a blue circle on the left of an orange background",
    "a red circle and a blue square on a white background",
    "a yellow star above a green circle on a black background",
    "a white cross and an orange ring on a purple background",
]
"""Prompts of the grid: a few easy ones, then what small models find hard."""


@dataclass(frozen=True)
class Mark:
    """How one picture answered its question; one entry per wanted thing in the tuples."""

    background: bool
    colours: tuple[bool, ...]
    shapes: tuple[bool, ...]
    overlaps: tuple[float, ...]
    count: bool
    size: bool | None
    side: bool | None
    flat: float

    @property
    def all_right(self) -> bool:
        """Nothing wrong that a person would notice first."""
        return self.background and all(self.colours) and all(self.shapes) and self.count


class Artist:
    """A saved model with its stored call defaults, unless told otherwise."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.pipe, defaults = pipeline.read(folder)
        self.call = defaults | changes
        self.negative = self.call["true_cfg_scale"] > 1

    def draw(self, prompt: str, seed: int) -> Image.Image:
        """One picture; the silent T5 encoder gets nothing to read."""
        call = dict(self.call)
        if self.negative:
            call["negative_prompt_2"] = ""
        else:
            call.pop("negative_prompt")
        generator = torch.Generator().manual_seed(seed)
        picture = self.pipe(prompt, prompt_2="", generator=generator, **call).images[0]
        assert isinstance(picture, Image.Image)
        return picture


def judge(seen: Reading, wanted: Question) -> Mark:
    """Compare what a picture shows with what was asked."""
    things = list(seen.things[: len(wanted.things)])
    things.sort(key=lambda thing: thing.x)
    pairs = list(zip(things, wanted.things, strict=False))
    missing = (False,) * (len(wanted.things) - len(pairs))
    first = seen.things[0] if seen.things else None
    return Mark(
        background=seen.background == wanted.background,
        colours=(*(thing.colour == want[0] for thing, want in pairs), *missing),
        shapes=(*(thing.shape == want[1] for thing, want in pairs), *missing),
        overlaps=(*(thing.overlap for thing, _ in pairs), *(0.0 for _ in missing)),
        count=len(seen.things) == len(wanted.things),
        size=_size_right(first, wanted.size) if wanted.size else None,
        side=_side_right(first, wanted.side) if wanted.side else None,
        flat=seen.flat,
    )


def _size_right(thing: Seen | None, size: str) -> bool:
    if thing is None:
        return False
    return thing.extent < SMALL_BELOW if size == "small" else thing.extent > LARGE_ABOVE


def _side_right(thing: Seen | None, side: str) -> bool:
    dx, dy = SIDES[side]
    return thing is not None and (thing.x - 0.5) * dx + (thing.y - 0.5) * dy > ASIDE_BY


def examine(artist: Artist, exam: Sequence[Question]) -> dict[str, float]:
    """The score table: per cent, except the seconds a picture takes."""
    artist.draw(exam[0].prompt, 0)
    began, marks = time.perf_counter(), []
    pictures = [artist.draw(question.prompt, seed) for seed, question in enumerate(exam)]
    seconds = (time.perf_counter() - began) / len(exam)
    for question, picture in zip(exam, pictures, strict=True):
        seen = read(picture)
        marks.append(judge(seen, question))
        if not marks[-1].all_right:
            shown = [f"{COLOUR_NAMES[t.colour]} {SHAPES[t.shape]}" for t in seen.things]
            log.info("missed %r: %s on %s", question.prompt, shown, COLOUR_NAMES[seen.background])
    return table(exam, marks) | {"seconds": round(seconds, 3)}


def table(exam: Sequence[Question], marks: Sequence[Mark]) -> dict[str, float]:
    """Shares of right answers by line, in per cent."""
    lone = [mark for mark in marks if len(mark.colours) == 1]
    pairs = [mark for mark in marks if len(mark.colours) > 1]
    hard = {("small", "star"): "small star", ("large", "ring"): "large ring"}
    lines: dict[str, list[float]] = {
        "background": [mark.background for mark in marks],
        "one: colour": [right for mark in lone for right in mark.colours],
        "one: shape": [right for mark in lone for right in mark.shapes],
        "one: overlap": [right for mark in lone for right in mark.overlaps],
        "two: colour": [right for mark in pairs for right in mark.colours],
        "two: shape": [right for mark in pairs for right in mark.shapes],
        "two: overlap": [right for mark in pairs for right in mark.overlaps],
        "count": [mark.count for mark in marks],
        "size": [mark.size for mark in marks if mark.size is not None],
        "side": [mark.side for mark in marks if mark.side is not None],
        "flat pixels": [mark.flat for mark in marks],
        "all right": [mark.all_right for mark in marks],
    }
    for question, mark in zip(exam, marks, strict=True):
        name = hard.get((question.size or "", SHAPES[question.things[0][1]]))
        if name:
            lines.setdefault(f"{name}: shape", []).extend(mark.shapes)
            lines.setdefault(f"{name}: overlap", []).extend(mark.overlaps)
    return {name: round(100 * float(np.mean(v)), 1) for name, v in lines.items() if v}


def report(folder: Path, *, lone: int = 210, pairs: int = 90, **changes: Any) -> str:
    """The score table as text."""
    scores = examine(Artist(folder, **changes), questions(lone=lone, pairs=pairs))
    return "\n".join(f"{name:22}{value:8}" for name, value in scores.items())


def draw_grid(artist: Artist, file: Path, *, rows: int = 4) -> None:
    """The prompts of GRID side by side, one row per seed."""
    side = artist.call["width"]
    sheet = Image.new("RGB", (len(GRID) * side, rows * side))
    for row in range(rows):
        for column, prompt in enumerate(GRID):
            sheet.paste(artist.draw(prompt, 100 * row + column), (column * side, row * side))
    sheet.save(file)


def main() -> None:
    """Read the command line, examine, print."""
    parser = argparse.ArgumentParser(prog="python -m training.shapes.score", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--grid", type=Path, help="also draw a grid of pictures into this file")
    parser.add_argument("--steps", type=int, help="in place of the model's own number of steps")
    parser.add_argument("--guidance", type=float, help="in place of the model's own true CFG")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    changes = {"num_inference_steps": args.steps, "true_cfg_scale": args.guidance}
    changes = {name: value for name, value in changes.items() if value is not None}
    print(report(args.model, **changes))
    if args.grid:
        draw_grid(Artist(args.model, **changes), args.grid)


if __name__ == "__main__":
    main()
