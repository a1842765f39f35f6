"""What a picture of flat shapes shows, read off its pixels by rule: colours, outlines, places.

For pictures as ``pilotlight/shapes`` draws them, and such as people draw with a few flat colours.
"""

from __future__ import annotations

import functools
import math
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

COLOURS: Final = {
    "red": (220, 40, 40),
    "green": (40, 170, 60),
    "blue": (40, 80, 220),
    "yellow": (240, 220, 50),
    "purple": (140, 60, 180),
    "orange": (245, 140, 30),
    "white": (245, 245, 245),
    "black": (20, 20, 20),
}
SHAPES: Final = ("circle", "square", "triangle", "ring", "cross", "star")
_FRAME: Final = 3
"""Pixels along each side that show the background."""
_APART: Final = 60
"""Difference from the background, of all three channels, that makes a pixel part of a thing."""
_SPECK: Final = 0.01
"""Share of the picture below which a patch is no thing."""
_BOX: Final = 48


class Thing(NamedTuple):
    """Lengths are shares of the picture's side."""

    colour: str
    shape: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def extent(self) -> float:
        return max(self.right - self.left, self.bottom - self.top)


class Scene(NamedTuple):
    ground: str
    things: tuple[Thing, ...]
    """The first is left of the others, or above them."""


def read(picture: Image) -> Scene:
    """Of a square picture of about a hundred pixels a side."""
    import numpy as np

    pixels = np.asarray(picture.convert("RGB")).astype(float)
    sides = (pixels[:_FRAME], pixels[-_FRAME:], pixels[:, :_FRAME], pixels[:, -_FRAME:])
    ground = np.median(np.concatenate([side.reshape(-1, 3) for side in sides]), axis=0)
    apart = np.linalg.norm(pixels - ground, axis=2) > _APART
    things = [_thing(mask, pixels) for mask in _patches(apart) if mask.mean() >= _SPECK]
    return Scene(_named(ground), tuple(sorted(things, key=_order)))


def on_the_same_ground(changed: Image, before: Image, mask: Image) -> Image:
    """``changed`` with the very background of ``before`` where the mask is white.

    What the model draws as white is not what somebody else's picture has: where it shows that
    ground through, at borders in part, the difference is made up for.
    """
    import numpy as np
    from PIL import Image as Pictures

    drawn, old = (np.asarray(one.convert("RGB")).astype(float) for one in (changed, before))
    inside = np.asarray(mask) > 0
    rows, columns = np.nonzero(inside)
    rim = inside.copy()
    rim[rows.min() + 2 : rows.max() - 1, columns.min() + 2 : columns.max() - 1] = False
    meant, ground = np.median(old[rim], axis=0), np.median(drawn[rim], axis=0)
    apart = np.linalg.norm(drawn - ground, axis=2)
    shown = 1 - np.clip(apart / max(float(np.quantile(apart[inside], 0.95)), _APART), 0, 1)
    drawn[inside] += shown[inside][:, None] * (meant - ground)
    return Pictures.fromarray(drawn.round().clip(0, 255).astype(np.uint8))


def _order(thing: Thing) -> float:
    return sum(thing.middle)


def _patches(apart: NDArray[Any]) -> list[NDArray[Any]]:
    """Connected parts, each as a mask."""
    import numpy as np

    left, found = apart.copy(), []
    height, width = apart.shape
    while left.any():
        start = tuple(int(one) for one in np.argwhere(left)[0])
        mask, queue = np.zeros_like(apart), deque([start])
        left[start], mask[start] = False, True
        while queue:
            row, column = queue.popleft()
            for near in (
                (row - 1, column),
                (row + 1, column),
                (row, column - 1),
                (row, column + 1),
            ):
                if 0 <= near[0] < height and 0 <= near[1] < width and left[near]:
                    left[near], mask[near] = False, True
                    queue.append(near)
        found.append(mask)
    return found


def _thing(mask: NDArray[Any], pixels: NDArray[Any]) -> Thing:
    import numpy as np

    rows, columns = np.nonzero(mask)
    names, inks = list(COLOURS), np.array(list(COLOURS.values()), float)
    nearest = np.linalg.norm(pixels[mask][:, None] - inks, axis=2).argmin(1)
    outline = _boxed(mask)
    overlaps = [(outline & one).sum() / (outline | one).sum() for one in _ideals()]
    side = len(mask)
    return Thing(
        names[int(np.bincount(nearest, minlength=len(names)).argmax())],
        SHAPES[int(np.argmax(overlaps))],
        columns.min() / side,
        rows.min() / side,
        (columns.max() + 1) / side,
        (rows.max() + 1) / side,
    )


def _named(colour: NDArray[Any]) -> str:
    return min(COLOURS, key=lambda name: math.dist(COLOURS[name], colour))


def _boxed(mask: NDArray[Any]) -> NDArray[Any]:
    """The mask cut out and stretched to _BOX x _BOX."""
    import numpy as np
    from PIL import Image as Pictures

    rows, columns = np.nonzero(mask)
    cut = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    image = Pictures.fromarray((cut * 255).astype("uint8"))
    return np.asarray(image.resize((_BOX, _BOX), Pictures.Resampling.BILINEAR)) > 127


@functools.cache
def _ideals() -> list[NDArray[Any]]:
    """The outline of each shape, in the order of SHAPES; the proportions are the model's."""
    import numpy as np

    y, x = np.mgrid[-1.3:1.3:261j, -1.3:1.3:261j]
    rho, wide, high = np.hypot(x, y), np.abs(x), np.abs(y)
    far = np.maximum(wide, high)
    sector = math.pi / 5
    turned = np.abs(np.mod(np.arctan2(x, -y) + sector, 2 * sector) - sector)
    u, v = rho * np.cos(turned), rho * np.sin(turned)
    tip, notch = 1.12, 0.5
    edge = notch * math.cos(sector) - tip, notch * math.sin(sector)
    return [
        _boxed(mask)
        for mask in (
            rho < 1,
            far < 0.88,
            np.maximum(y - 0.78, 0.885 * wide - 0.465 * (y + 1)) < 0,
            np.abs(rho - 0.76) < 0.24,
            (np.minimum(wide, high) < 0.32) & (far < 1),
            (u - tip) * edge[1] - v * edge[0] < 0,
        )
    ]
