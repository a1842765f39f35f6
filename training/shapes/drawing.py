"""Flat shapes drawn from signed distances: the only pictures this model ever sees.

Lengths are fractions of the picture's side, x to the right and y downwards.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SIZE = 96
"""Side of every picture, in pixels."""

COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 170, 60),
    "blue": (40, 80, 220),
    "yellow": (240, 220, 50),
    "purple": (140, 60, 180),
    "orange": (245, 140, 30),
    "white": (245, 245, 245),
    "black": (20, 20, 20),
}
COLOUR_NAMES = list(COLOURS)
SHAPES = ["circle", "square", "triangle", "ring", "cross", "star"]

STAR_TIP, STAR_NOTCH = 1.12, 0.5
"""Distances from a star's centre to its tips and to its notches, in radii."""


@dataclass(frozen=True)
class Thing:
    """One shape in a picture; colour and shape are indices into the lists above."""

    colour: int
    shape: int
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    """What a picture shows; size and side are words only where a caption may say them."""

    background: int
    things: tuple[Thing, ...]
    size: str | None = None
    side: str | None = None


def draw(scenes: Sequence[Scene], size: int = SIZE) -> Tensor:
    """Antialiased pictures of the scenes: (scenes, 3, size, size) in [-1, 1]."""
    palette = torch.tensor(list(COLOURS.values())).float() / 127.5 - 1
    backgrounds = palette[[scene.background for scene in scenes]]
    pictures = backgrounds[:, :, None, None].expand(-1, -1, size, size).clone()
    for layer in range(max(len(scene.things) for scene in scenes)):
        rows = [row for row, scene in enumerate(scenes) if len(scene.things) > layer]
        things = [scenes[row].things[layer] for row in rows]
        cover = coverage(things, size)
        paint = palette[[thing.colour for thing in things]][:, :, None, None]
        pictures[rows] = paint * cover + pictures[rows] * (1 - cover)
    return pictures


def coverage(things: Sequence[Thing], size: int = SIZE) -> Tensor:
    """How much of each pixel each thing covers: (things, 1, size, size) in [0, 1]."""
    centre_x, centre_y, radius = (
        (torch.tensor(lengths) * size)[:, None, None]
        for lengths in zip(*((t.x, t.y, t.radius) for t in things), strict=True)
    )
    along = torch.arange(size) + 0.5
    y, x = torch.meshgrid(along, along, indexing="ij")
    distances = _distances(x - centre_x, y - centre_y, radius)
    chosen = distances[torch.arange(len(things)), [thing.shape for thing in things]]
    return (0.5 - chosen).clamp(0, 1)[:, None]


def _distances(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    """Signed distance in pixels to the border of every shape, in the order of SHAPES."""
    rho, wide, high = torch.hypot(x, y), x.abs(), y.abs()
    far = torch.maximum(wide, high)
    shapes = [
        rho - r,
        far - 0.88 * r,
        torch.maximum(y - 0.78 * r, 0.885 * wide - 0.465 * (y + r)),
        (rho - 0.76 * r).abs() - 0.24 * r,
        torch.maximum(torch.minimum(wide, high) - 0.32 * r, far - r),
        _star(x, y, r),
    ]
    return torch.stack(shapes, dim=1)


def _star(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    """A five-pointed star is one straight edge, folded into ten sectors."""
    sector = math.pi / 5
    angle = (torch.remainder(torch.atan2(x, -y) + sector, 2 * sector) - sector).abs()
    rho = torch.hypot(x, y)
    u, v = rho * angle.cos(), rho * angle.sin()
    edge_u, edge_v = STAR_NOTCH * math.cos(sector) - STAR_TIP, STAR_NOTCH * math.sin(sector)
    return ((u - STAR_TIP * r) * edge_v - v * edge_u) / math.hypot(edge_u, edge_v)
