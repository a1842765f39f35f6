"""What a clip shows, read off its pixels alone."""

from typing import NamedTuple

import torch
from torch import Tensor

from training.shapes_video.clips import COLOUR_NAMES, MOTIONS, PALETTE, SHAPES, SIDE, Scene, draw

STANDS_OUT, FEWEST = 0.35, 40
"""Difference from the background, of 2, and pixels that make a shape."""
MOVED, GREW = 8.0, 1.6
"""Pixels, and the ratio of areas, from which it is one motion and not another."""


class Seen(NamedTuple):
    """One frame; ``solid`` is 1 where the shape is, lengths are in pixels."""

    colour: int
    ground: int
    x: float
    y: float
    area: float
    solid: Tensor


def read(clip: Tensor) -> Scene | None:
    """(3, frames, SIDE, SIDE), -1 to 1; None where no shape stands out all the time."""
    seen = [read_frame(clip[:, at]) for at in (0, clip.shape[1] // 2, clip.shape[1] - 1)]
    first, middle, last = seen
    if first is None or middle is None or last is None:
        return None
    return Scene(_shape(middle), middle.colour, middle.ground, _motion(first, last))


def read_frame(frame: Tensor) -> Seen | None:
    """(3, SIDE, SIDE)."""
    edge = torch.cat([frame[:, 0], frame[:, -1], frame[:, :, 0], frame[:, :, -1]], 1)
    ground = edge.median(1).values
    mask = (frame - ground[:, None, None]).abs().amax(0) > STANDS_OUT
    if int(mask.sum()) < FEWEST:
        return None
    inside = frame[:, mask]
    far = (inside - ground[:, None]).square().sum(0)
    colour = inside[:, far >= far.median()].median(1).values
    nearer = [(frame - one[:, None, None]).square().sum(0) for one in (colour, ground)]
    solid = (nearer[0] < nearer[1]).float()
    area = max(1.0, float(solid.sum()))
    places = torch.arange(SIDE) + 0.5
    x, y = float((solid.sum(0) * places).sum()), float((solid.sum(1) * places).sum())
    return Seen(_named(colour), _named(ground), x / area, y / area, area, solid)


def _named(colour: Tensor) -> int:
    return int((PALETTE - colour).square().sum(1).argmin())


def _motion(first: Seen, last: Seen) -> int:
    dx, dy, grown = last.x - first.x, last.y - first.y, last.area / first.area
    if max(abs(dx), abs(dy)) > MOVED:
        along, down = ("right" if dx > 0 else "left"), ("down" if dy > 0 else "up")
        return MOTIONS.index(along if abs(dx) > abs(dy) else down)
    name = "growing" if grown > GREW else "shrinking" if grown < 1 / GREW else "still"
    return MOTIONS.index(name)


def _shape(seen: Seen) -> int:
    """The drawn shape that covers it best, near its place and size."""
    tried = []
    for shape, name in enumerate(SHAPES):
        wider = 1.25 if name in ("cross", "triangle") else 1.0
        for share in (0.5, 0.57, 0.64, 0.71, 0.8, 0.9):
            radius = share * seen.area**0.5 * wider
            tried += [(shape, seen.x, seen.y - up * radius, radius) for up in (0.0, -0.12, 0.12)]
    shapes = torch.tensor([one[0] for one in tried])
    white, black = (torch.full_like(shapes, COLOUR_NAMES.index(c)) for c in ("white", "black"))
    drawn = draw(shapes, white, black, torch.tensor([one[1:] for one in tried]))[:, 0] > 0
    both = (drawn * seen.solid).sum((1, 2))
    either = torch.maximum(drawn.float(), seen.solid).sum((1, 2))
    return int(shapes[(both / either).argmax()])
