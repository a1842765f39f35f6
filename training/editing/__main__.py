"""`python -m training.editing --out DIR`: teach `pilotlight/shapes` to obey, then score it."""

import argparse
import logging
from pathlib import Path

import torch

from training.editing.recipe import QUICK, SHAPES, Plan, Recipe
from training.editing.score import follow, table
from workers.engines.diffusers.instructed import flux_instructed
from workers.engines.diffusers.text_to_image import flux_text_to_image


def main() -> None:
    """Read the command line, train, score."""
    parser = argparse.ArgumentParser(prog="python -m training.editing", description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the model; kept stages are reused"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a few steps of everything, under a minute"
    )
    parser.add_argument("--compile", action="store_true", help="faster; needs a C++ compiler")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)  # one core, and the same sums in the same order everywhere
    Recipe(args.out, QUICK if args.quick else Plan(), compiled=args.compile)()
    model = flux_instructed(args.out, flux_text_to_image(SHAPES))
    found, _ = follow(model, each=2 if args.quick else 40)
    print(table(found))


if __name__ == "__main__":
    main()
