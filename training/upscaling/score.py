"""`python -m training.upscaling.score WEIGHTS [PICTURE ...]`: against bicubic, in decibels."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.upscaling.drawing import album
from workers.engines.video.upscaling import upscaler

UNSEEN = 977
"""The seed of the pictures that are scored; training draws from seed 0."""
EDGE = 4
"""Pixels left out along each border."""


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Peak signal to noise, in decibels: more is nearer."""
    near = (slice(EDGE, -EDGE), slice(EDGE, -EDGE))
    error = np.square(one[near].astype(np.float64) - other[near]).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def compared(weights: Path, originals: Sequence[NDArray[np.uint8]]) -> list[tuple[float, float]]:
    """(bicubic, ours) of each picture, halved by a bicubic filter and enlarged again."""
    model, scores = upscaler(weights), []
    for original in originals:
        height, width = (side // 2 * 2 for side in original.shape[:2])
        whole = Image.fromarray(original[:height, :width])
        small = whole.resize((width // 2, height // 2), Image.Resampling.BICUBIC)
        bicubic = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
        target = np.asarray(whole)
        ours = model.enlarge(np.asarray(small), 2)
        scores.append((likeness(bicubic, target), likeness(ours, target)))
    return scores


def report(weights: Path, pictures: Sequence[Path] = ()) -> str:
    """One line for sixty drawn pictures that were never trained on, and one for each given."""
    drawn = np.array(compared(weights, list(album(Random(UNSEEN), 60))))
    better = int((drawn[:, 1] > drawn[:, 0]).sum())
    before, after = drawn.mean(0)
    lines = [
        f"{'60 drawn pictures':22}bicubic {before:6.2f} dB  ours {after:6.2f} dB, nearer in {better}"
    ]
    for path in pictures:
        with Image.open(path) as opened:
            [(bicubic, ours)] = compared(weights, [np.asarray(opened.convert("RGB"))])
        lines.append(f"{path.name:22}bicubic {bicubic:6.2f} dB  ours {ours:6.2f} dB")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, score, print."""
    parser = argparse.ArgumentParser(prog="python -m training.upscaling.score", description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pictures", type=Path, nargs="*", help="more to be scored, photographs say")
    args = parser.parse_args()
    print(report(args.weights, args.pictures))


if __name__ == "__main__":
    main()
