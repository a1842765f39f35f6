"""Reads a picture back: its background, and each thing's colour, shape, place and extent.

Nothing here knows the model; only pixels count. A shape is named by the best overlap of its
outline, stretched to its own box, with the six ideal shapes.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from training.shapes.drawing import COLOURS, SHAPES, Thing, coverage

Mask = NDArray[np.bool_]
Pixels = NDArray[np.float64]

PALETTE: Pixels = np.array(list(COLOURS.values()), dtype=float)
FRAME = 3
"""Width in pixels of the border from which the background is read."""

APART = 60
"""Distance in RGB from the background at which a pixel belongs to a thing."""

FLAT = 40
"""Distance in RGB from one of the eight colours within which a pixel counts as flat."""

SPECK = 0.01
"""Share of the picture below which a patch is no thing."""

BOX = 48


@dataclass(frozen=True)
class Seen:
    """One thing as found; lengths are fractions of the picture, overlap is 1 for the ideal."""

    colour: int
    shape: int
    x: float
    y: float
    extent: float
    overlap: float
    area: int


@dataclass(frozen=True)
class Reading:
    """A whole picture as found, the largest thing first."""

    background: int
    flat: float
    things: tuple[Seen, ...]


def read(picture: Image.Image) -> Reading:
    """What the picture shows."""
    pixels = np.asarray(picture.convert("RGB")).astype(float)
    background = np.median(_frame(pixels), axis=0)
    distances = np.linalg.norm(pixels[..., None, :] - PALETTE, axis=-1)
    patches, count = ndimage.label(np.linalg.norm(pixels - background, axis=-1) > APART)
    masks = [patches == number for number in range(1, count + 1)]
    things = [_thing(mask, distances) for mask in masks if mask.mean() >= SPECK]
    return Reading(
        background=int(np.linalg.norm(PALETTE - background, axis=1).argmin()),
        flat=float((distances.min(-1) < FLAT).mean()),
        things=tuple(sorted(things, key=lambda thing: -thing.area)),
    )


def _frame(pixels: Pixels) -> Pixels:
    sides = [pixels[:FRAME], pixels[-FRAME:], pixels[:, :FRAME], pixels[:, -FRAME:]]
    return np.concatenate([side.reshape(-1, 3) for side in sides])


def _thing(mask: Mask, distances: Pixels) -> Seen:
    rows, columns = np.where(mask)
    core = ndimage.binary_erosion(mask, iterations=2)
    core = core if core.any() else mask
    votes = np.bincount(distances[core].argmin(-1), minlength=len(COLOURS))
    outline = _boxed(mask)
    overlaps = [(outline & ideal).sum() / (outline | ideal).sum() for ideal in _ideals()]
    side = len(mask)
    return Seen(
        colour=int(votes.argmax()),
        shape=int(np.argmax(overlaps)),
        x=float(columns.min() + columns.max() + 1) / 2 / side,
        y=float(rows.min() + rows.max() + 1) / 2 / side,
        extent=float(max(np.ptp(rows), np.ptp(columns))) / side,
        overlap=float(max(overlaps)),
        area=int(mask.sum()),
    )


def _boxed(mask: Mask) -> Mask:
    """The mask cut out and stretched to BOX x BOX."""
    rows, columns = np.where(mask)
    cut = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    image = Image.fromarray((cut * 255).astype("uint8"))
    return np.asarray(image.resize((BOX, BOX), Image.Resampling.BILINEAR)) > 127


@cache
def _ideals() -> list[Mask]:
    drawn = coverage([Thing(0, shape, 0.5, 0.5, 0.35) for shape in range(len(SHAPES))], 192)
    return [_boxed(mask) for mask in (drawn[:, 0] > 0.5).numpy()]
