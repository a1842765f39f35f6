"""`python -m training.upscaling --out FILE`: make the weights from nothing, then score them."""

import argparse
import io
import logging
from pathlib import Path
from random import Random

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate
from training.upscaling.drawing import SIDE, album
from training.upscaling.score import report
from workers.engines.video.upscaling import network

log = logging.getLogger(__name__)
CROP, BATCH, PEAK = 80, 16, 2e-3
"""Pixels along a side of what is to be recovered."""
FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BOX)
COMPRESSED = 0.2
"""Share of pictures that were JPEG before they are enlarged: films are never clean."""


def train(*, steps: int, pictures: int, seed: int = 0) -> torch.nn.Module:
    """Counted in steps and seeded: the same weights every time on the same machine."""
    torch.manual_seed(seed)
    rng = Random(seed)
    shown = album(rng, pictures)
    log.info("%d pictures drawn", pictures)
    model: torch.nn.Module = network()
    optimisers = Optimisers(model, Rate(PEAK, steps, flat=0.3), muon=lambda _: True)
    progress = Progress("upscaling", steps)
    for step in range(steps):
        small, large = _batch(rng, shown)
        with torch.autocast("cpu", torch.bfloat16):
            made = model(small).float()
        loss = functional.l1_loss(made, large)
        optimisers.descend(loss, step)
        progress.add(step, loss.item())
    return model.eval()


def _batch(rng: Random, shown: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    large = np.empty((BATCH, CROP, CROP, 3), np.uint8)
    small = np.empty((BATCH, CROP // 2, CROP // 2, 3), np.uint8)
    for number in range(BATCH):
        top, left = (2 * rng.randint(0, (SIDE - CROP) // 2) for _ in range(2))
        crop = shown[rng.randrange(len(shown)), top : top + CROP, left : left + CROP]
        large[number] = crop[:: rng.choice([1, -1]), :: rng.choice([1, -1])]
        small[number] = _smaller(rng, large[number])
    return _tensor(small), _tensor(large)


def _smaller(rng: Random, large: NDArray[np.uint8]) -> NDArray[np.uint8]:
    made = Image.fromarray(large).resize((CROP // 2, CROP // 2), rng.choice(FILTERS))
    if rng.random() < COMPRESSED:
        held = io.BytesIO()
        made.save(held, "JPEG", quality=rng.randint(60, 95))
        made = Image.open(held)
    return np.asarray(made)


def _tensor(pictures: NDArray[np.uint8]) -> Tensor:
    seen = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return seen.contiguous(memory_format=torch.channels_last)


def main() -> None:
    """Read the command line, train, score."""
    parser = argparse.ArgumentParser(prog="python -m training.upscaling", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--pictures", type=int, default=500, help="drawn to learn from")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)  # one core, and the same sums in the same order everywhere
    model = train(steps=args.steps, pictures=args.pictures)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    stored = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(stored, args.out)
    print(report(args.out))


if __name__ == "__main__":
    main()
