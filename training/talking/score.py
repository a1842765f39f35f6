"""`python -m training.talking.score WEIGHTS`: faces and voices that were never trained on."""

import argparse
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from training.talking.faces import COLOURS, SIDE, Faces
from training.talking.voices import PICTURES, openings, voice
from workers.engines.video.hearing import windows
from workers.engines.video.talking_face import Talker, talker

UNSEEN = 4711
"""The seed of what is scored; training draws from seed 0."""
ALIKE = 30
"""Greatest difference, of 255, of a pixel that counts as skin."""


def openness(frame: NDArray[np.uint8], zone: NDArray[np.bool_], skin: NDArray[np.float32]) -> float:
    """Share of where a mouth can be that is no skin: lips, throat, tongue. ``frame`` (SIDE, SIDE, 3)."""
    other = np.abs(frame.astype(float) - skin).max(2) > ALIKE
    return float((other & zone).sum() / zone.sum())


def skin_of(faces: Faces, row: int) -> NDArray[np.float32]:
    """(3,), of 255."""
    skin: NDArray[np.float32] = (faces.colours[row, COLOURS.index("skin")] * 255).numpy()
    return skin


def spoken(model: Talker, faces: Faces, row: int, rng: Random) -> tuple[float, float, float]:
    """How openness follows what was to be drawn (r), what differs from it, and what was not kept.

    Both differences are means, of 255: in the mouth's zone, and outside of it.
    """
    one = faces.some([row])
    closed, zone = one.draw(torch.zeros(1))
    heard = voice(rng, 2.5)
    wide = openings(heard)
    given = _bytes(closed)[0]
    shown = np.stack(list(model.frames(Image.fromarray(given), windows(heard, rate=PICTURES))))
    drawn = _bytes(faces.some([row] * len(wide)).draw(torch.from_numpy(wide).float())[0])
    where = zone[0, 0].bool().numpy()
    seen = [openness(frame, where, skin_of(faces, row)) for frame in shown]
    follows = float(np.corrcoef(seen, wide)[0, 1]) if np.std(seen) else 0.0
    away = np.abs(shown.astype(float) - drawn)
    return follows, float(away[:, where].mean()), float(away[:, ~where].mean())


def report(weights: Path, count: int = 30) -> str:
    """The table as text."""
    model, rng = talker(weights), Random(UNSEEN)
    faces = Faces(rng, count)
    told = np.array([spoken(model, faces, row, rng) for row in range(count)])
    lines = [
        f"openness follows loudness: r {told[:, 0].mean():.3f}, least {told[:, 0].min():.3f}",
        f"mouth: {told[:, 1].mean():.2f} of 255 from the drawing",
        f"the rest: {told[:, 2].mean():.3f} of 255",
    ]
    return "\n".join(lines)


def _bytes(pictures: torch.Tensor) -> NDArray[np.uint8]:
    """(n, SIDE, SIDE, 3)."""
    assert pictures.shape[-1] == SIDE
    return (pictures * 255).round().byte().permute(0, 2, 3, 1).numpy()


def main() -> None:
    """Read the command line, score, print."""
    parser = argparse.ArgumentParser(prog="python -m training.talking.score", description=__doc__)
    parser.add_argument("weights", type=Path)
    print(report(parser.parse_args().weights))


if __name__ == "__main__":
    main()
