"""`python -m training.vision --out FILE`: make the weights from nothing, then score them."""

import argparse
import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate
from training.vision.batches import NOT_ASKED, Batch, Teacher, vocabulary
from training.vision.drawing import COLOURS, SHAPES
from training.vision.questions import EVENLY, HARD
from training.vision.score import report
from workers.engines.sight.picture_answers import LISTED
from workers.engines.sight.picture_network import GRID, WIDTH, look, network, read

PICTURES, QUESTIONS = 48, 4
"""A step's pictures, and the questions about each."""
HINT = 0.5
"""Weight of being told what stands where, beside the answers: it makes the eye learn first."""


class Lesson(NamedTuple):
    steps: int
    peak: float
    """The highest rate."""
    flat: float
    """Share of the steps before the rate falls."""
    kinds: Sequence[int]
    """How often each kind of question is asked."""


LESSONS = (Lesson(2200, 2e-3, 0.4, EVENLY), Lesson(800, 1.5e-3, 0.3, HARD))
"""First what things are. Then where they are, with marks of places that have an order to them: those
of chance, which the eye has done well with, never got one."""


def learn(
    net: nn.ModuleDict, words: Sequence[str], lesson: Lesson, *, seed: int, pictures: int = PICTURES
) -> None:
    """Counted in steps and seeded: the same weights every time on the same machine."""
    teacher = Teacher(words, seed, lesson.kinds)
    hints = nn.Linear(WIDTH, 1 + len(SHAPES) + len(COLOURS))
    both = nn.ModuleDict({"net": net.train(), "hints": hints})
    rate = Rate(lesson.peak, lesson.steps, flat=lesson.flat)
    optimisers = Optimisers(both, rate, muon=_is_muons)
    steps = lesson.steps
    progress = Progress("vision", steps)
    for step in range(steps):
        batch = teacher.batch(pictures, QUESTIONS)
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            places = look(net, batch.pictures.contiguous(memory_format=torch.channels_last))
            said, hinted = read(net, places, batch.tokens), hints(places)
        answers = functional.cross_entropy(
            said.float().flatten(0, 2), batch.targets.flatten(), ignore_index=NOT_ASKED
        )
        optimisers.descend(answers + HINT * _hint(hinted.float(), batch), step)
        progress.add(step, answers.item())
    net.eval()


def _is_muons(name: str) -> bool:
    others = ("stem.0", "words", "places", "steps", "said", "hints")
    return not any(part in name for part in others)


def untaught(words: Sequence[str]) -> nn.ModuleDict:
    """What the first lesson begins with."""
    return network(len(words)).to(memory_format=torch.channels_last)


@torch.no_grad()
def put_in_order(net: nn.ModuleDict) -> None:
    """Mark the places by slow waves along both sides, so that neighbours are marked alike."""
    middle = (torch.arange(GRID) + 0.5) / GRID
    waves = torch.stack([(math.pi * n * middle).cos() for n in range(1, 7)], 1)
    along = waves.repeat(GRID, 1), waves.repeat_interleave(GRID, 0)
    both = [along[0][:, n] * along[1][:, m] for n in range(3) for m in range(3)]
    marks = torch.cat([*along, torch.stack(both, 1)], 1)
    turned = marks @ nn.init.orthogonal_(torch.empty(marks.shape[1], WIDTH))
    net["places"].weight.copy_(turned / turned.std())


def stored(net: nn.ModuleDict) -> dict[str, Tensor]:
    """As it is written: halves, which is what the second lesson begins with too."""
    return {
        name: (one.half() if one.is_floating_point() else one).contiguous()
        for name, one in net.state_dict().items()
    }


def _hint(hinted: Tensor, batch: Batch) -> Tensor:
    """How wrong it is about what stands at each place."""
    shapes, colours = hinted.split([1 + len(SHAPES), len(COLOURS)], -1)
    rare = torch.tensor([0.05] + [1.0] * len(SHAPES))
    told = functional.cross_entropy(shapes.flatten(0, 1), batch.shapes.flatten(), weight=rare)
    seen = functional.cross_entropy(
        colours.flatten(0, 1), batch.colours.flatten(), ignore_index=NOT_ASKED
    )
    return told + torch.nan_to_num(seen)


def main() -> None:
    """Read the command line, train, score."""
    parser = argparse.ArgumentParser(prog="python -m training.vision", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--begin", type=Path, help="weights of the first lesson: only the second")
    parser.add_argument("--share", type=float, default=1, help="of the steps, to see that it runs")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)  # one core, and the same sums in the same order everywhere
    words = vocabulary()
    torch.manual_seed(0)
    net = untaught(words)
    first, second = (one._replace(steps=round(args.share * one.steps)) for one in LESSONS)
    if args.begin:
        net.load_state_dict(safetensors.torch.load_file(args.begin))
    else:
        learn(net, words, first, seed=0)
        net.load_state_dict(stored(net))
    torch.manual_seed(1)
    put_in_order(net)
    learn(net, words, second, seed=1)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(stored(net), args.out, {LISTED: json.dumps(words)})
    print(report(args.out))


if __name__ == "__main__":
    main()
