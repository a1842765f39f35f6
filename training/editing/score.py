"""`python -m training.editing.score MODEL`: held-out combinations, asked in held-out sentences."""

import argparse
import time
from pathlib import Path

import torch
from PIL import Image

from training.editing.changes import FOLLOWED
from training.editing.exam import Verdicts, questions
from training.editing.judging import judge
from training.editing.recipe import SHAPES
from workers.engines.diffusers.instructed import FluxInstructed, flux_instructed
from workers.engines.diffusers.text_to_image import flux_text_to_image

GAP = 4
SEED = 101
"""Of the questions: others than those that training looks at on its way."""


def follow(
    model: FluxInstructed, *, each: int, seed: int = SEED
) -> tuple[Verdicts, list[Image.Image]]:
    """All questions, one by one, as the worker asks them; and what came of them."""
    found, made = Verdicts(), []
    for number, (asked, said, before, true) in enumerate(questions(each, seed)):
        edited = before  # as a description, or refused: not followed
        if model.kind(said) in FOLLOWED:
            edited = model.change(said, before, seed=number, on_step=lambda _step: None)
        found.setdefault(asked.kind, []).append(judge(asked, true, edited))
        made.append(edited)
    return found, made


def table(verdicts: Verdicts) -> str:
    """Per cent by kind; `away` is of 255, where nothing was to change."""
    lines = [f"{'':10}{'asked':>7}{'kept':>7}{'both':>7}{'away':>7}"]
    everything = [one for some in verdicts.values() for one in some]
    for name, some in {**verdicts, "all": everything}.items():
        count = len(some)
        asked, kept = (100 * sum(getattr(o, f) for o in some) / count for f in ("asked", "kept"))
        both = 100 * sum(one.asked and one.kept for one in some) / count
        away = sum(one.away for one in some) / count
        lines.append(f"{name:10}{asked:7.1f}{kept:7.1f}{both:7.1f}{away:7.2f}")
    return "\n".join(lines)


def grid(made: list[Image.Image], each: int, path: Path) -> None:
    """Before and after side by side, one row for each kind."""
    side = made[0].width
    sheet = Image.new("RGB", (each * (2 * side + 2 * GAP), len(FOLLOWED) * (side + GAP)), "grey")
    for number, ((_, _, before, _), after) in enumerate(
        zip(questions(each, SEED), made, strict=True)
    ):
        x, y = (number % each) * (2 * side + 2 * GAP), (number // each) * (side + GAP)
        sheet.paste(before, (x, y))
        sheet.paste(after, (x + side, y))
    sheet.save(path)


def main() -> None:
    """Read the command line, score, print."""
    parser = argparse.ArgumentParser(prog="python -m training.editing.score", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--each", type=int, default=40, help="questions of every kind")
    parser.add_argument("--grid", type=Path, help="also draw all of them into this file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = flux_instructed(args.model, flux_text_to_image(SHAPES))
    began = time.process_time()
    found, made = follow(model, each=args.each)
    print(table(found))
    print(f"{(time.process_time() - began) / len(made):.2f} s of one core each")
    if args.grid:
        grid(made, args.each, args.grid)


if __name__ == "__main__":
    main()
