"""`python -m training.talking --out FILE`: make the weights from nothing, then score them."""

import argparse
import logging
from pathlib import Path
from random import Random

import safetensors.torch
import torch
from torch import Tensor
from torch.nn import functional

from training.shapes.optimisers import Optimisers
from training.shapes.schedule import Progress, Rate
from training.talking.faces import Faces
from training.talking.score import report
from training.talking.voices import heard
from workers.engines.video.talking_face import network

BATCH, PEAK = 24, 2e-3
MOUTH_COUNTS = 12
"""How often an error where a mouth can be counts: few pixels, and all that matters."""
PARTS, WHERE, CHANGED = 0.3, 0.5, 0.02
"""Weights of the new pixels alone and of where they are taken; a difference, of 1, that is one."""
OPEN_ALREADY = 0.25
"""Share of pictures whose mouth is open before anything is heard."""
LIGHT, NOISE = 0.1, 0.02
"""How much brighter or darker a picture is, and how far its pixels are off: nobody's is clean."""


def train(*, steps: int, faces: int, voices: int, seed: int = 0) -> torch.nn.Module:
    """Counted in steps and seeded: the same weights every time on the same machine."""
    torch.manual_seed(seed)
    rng = Random(seed)
    everyone = Faces(rng, faces)
    windows, openings = (torch.from_numpy(one) for one in heard(rng, voices))
    model: torch.nn.Module = network()
    optimisers = Optimisers(model, Rate(PEAK, steps, flat=0.5), muon=lambda n: "conv" in n)
    progress = Progress("talking", steps)
    for step in range(steps):
        rows = torch.randint(0, len(windows), (BATCH,))
        shown = everyone.some(rng.choices(range(faces), k=BATCH))
        before = torch.rand(BATCH) * (torch.rand(BATCH) < OPEN_ALREADY)
        light = 1 + LIGHT * (torch.rand(BATCH, 1, 1, 1) - 0.5)
        given, zone = shown.draw(before)
        wanted, _ = shown.draw(openings[rows])
        given, wanted = (given * light).clamp(0, 1), (wanted * light).clamp(0, 1)
        seen = (given + NOISE * torch.randn_like(given)).clamp(0, 1)
        with torch.autocast("cpu", torch.bfloat16):
            pixels, share = model.speak(model.look(seen), windows[rows])
        loss = _loss(given, wanted, zone, pixels.float(), share.float())
        optimisers.descend(loss, step)
        progress.add(step, loss.item())
    return model.eval()


def _loss(given: Tensor, wanted: Tensor, zone: Tensor, pixels: Tensor, share: Tensor) -> Tensor:
    """Of the whole, and of its parts: where nothing is taken, no pixel would learn otherwise."""
    made = given * (1 - share) + pixels * share
    counts = 1 + MOUTH_COUNTS * zone
    whole = ((made - wanted).abs() * counts).mean()
    parts = ((pixels - wanted).abs() * zone).sum() / zone.sum()
    changed = ((given - wanted).abs().amax(1, keepdim=True) > CHANGED).float()
    where = functional.binary_cross_entropy(share.clamp(1e-4, 1 - 1e-4), changed)
    return whole + PARTS * parts + WHERE * where


def main() -> None:
    """Read the command line, train, score."""
    parser = argparse.ArgumentParser(prog="python -m training.talking", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors to write")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--faces", type=int, default=4000, help="drawn to learn from")
    parser.add_argument("--voices", type=int, default=300, help="of three seconds")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)  # one core, and the same sums in the same order everywhere
    model = train(steps=args.steps, faces=args.faces, voices=args.voices)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    stored = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(stored, args.out)
    print(report(args.out))


if __name__ == "__main__":
    main()
