"""`python -m training.shapes --out DIR`: make the model from nothing, then score it."""

import argparse
import logging
from pathlib import Path

import torch

from training.shapes.recipe import QUICK, Plan, Recipe
from training.shapes.score import report


def main() -> None:
    """Read the command line, train, score."""
    parser = argparse.ArgumentParser(prog="python -m training.shapes", description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the model; kept stages are reused"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=float, help="scale the number of steps to about this long"
    )
    length.add_argument(
        "--quick", action="store_true", help="a few steps of everything, under a minute"
    )
    parser.add_argument(
        "--compile", action="store_true", help="a third faster; needs a C++ compiler"
    )
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)  # one core, and the same sums in the same order everywhere
    plan = QUICK if args.quick else Plan.lasting(args.minutes or Plan.MINUTES)
    Recipe(args.out, plan, compiled=args.compile)()
    print(report(args.out, lone=4 if args.quick else 210, pairs=2 if args.quick else 90))


if __name__ == "__main__":
    main()
