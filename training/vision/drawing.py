"""Scenes of flat shapes, drawn as people draw them: by PIL, in many shades, a little crooked.

Lengths are fractions of the picture's side, x to the right and y downwards.
"""

import io
import math
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from workers.engines.sight.picture_network import SIDE

FINER = 2
"""Drawn this much larger, then made smaller: PIL's own edges are jagged."""
SHADES = {
    "red": [(220, 35, 35), (255, 0, 0), (190, 20, 30)],
    "orange": [(245, 135, 25), (255, 165, 0)],
    "yellow": [(245, 220, 45), (255, 255, 0)],
    "green": [(40, 165, 60), (0, 128, 0), (0, 230, 40)],
    "blue": [(40, 80, 220), (0, 0, 255), (30, 110, 210)],
    "purple": [(140, 60, 180), (128, 0, 128)],
    "pink": [(250, 140, 185), (255, 192, 203), (255, 105, 180)],
    "brown": [(125, 75, 40), (150, 80, 40)],
    "black": [(20, 20, 20), (0, 0, 0)],
    "white": [(245, 245, 245), (255, 255, 255)],
    "grey": [(128, 128, 128), (155, 155, 155), (105, 105, 105)],
}
"""Every colour as a few points; a shade lies between two of them."""
COLOURS = list(SHADES)
SHAPES = ["circle", "square", "triangle", "ring", "cross", "star"]
MOST = 6
"""Things in a picture."""
RADII = {1: (0.10, 0.42), 2: (0.09, 0.23), 3: (0.08, 0.18)}
CROWDED = (0.08, 0.14)
HELD_OUT = {(5 * shape % len(COLOURS), shape) for shape in range(len(SHAPES))}
"""One colour for each shape that is never drawn together in training."""


@dataclass(frozen=True)
class Thing:
    """One shape; colour and shape are indices into the lists above."""

    colour: int
    shape: int
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    background: int
    things: tuple[Thing, ...]


def scene(rng: Random, *, unseen: bool = False) -> Scene:
    """Things that do not touch. ``unseen``: the first one is a held-out pair."""
    count = rng.choices(range(MOST + 1), [4, 30, 26, 17, 11, 7, 5])[0]
    background = rng.randrange(len(COLOURS))
    things: list[Thing] = []
    for number in range(max(count, int(unseen))):
        thing = _placed(rng, background, things, RADII.get(count, CROWDED))
        if thing is None:
            continue
        if unseen and number == 0:
            colour, shape = rng.choice(sorted(HELD_OUT - {(background, s) for s in range(6)}))
            thing = Thing(colour, shape, thing.x, thing.y, thing.radius)
        things.append(thing)
    return Scene(background, tuple(things))


def _placed(
    rng: Random, background: int, others: list[Thing], radii: tuple[float, float]
) -> Thing | None:
    """None where there is no more room. Twins are as common as chance alone would not make them."""
    for _ in range(30):
        radius = rng.uniform(*radii)
        x, y = rng.uniform(radius, 1 - radius), rng.uniform(radius, 1 - radius)
        if all(math.hypot(x - o.x, y - o.y) > 1.15 * (radius + o.radius) for o in others):
            break
    else:
        return None
    while True:
        colour, shape = rng.randrange(len(COLOURS)), rng.randrange(len(SHAPES))
        if others and rng.random() < 0.3:
            colour = rng.choice(others).colour
        if others and rng.random() < 0.3:
            shape = rng.choice(others).shape
        if colour != background and (colour, shape) not in HELD_OUT:
            return Thing(colour, shape, x, y, radius)


def draw(rng: Random, shown: Scene) -> NDArray[np.uint8]:
    """(SIDE, SIDE, 3)."""
    side = SIDE * FINER
    picture = Image.new("RGB", (side, side), _shade(rng, shown.background))
    if rng.random() < 0.1:
        picture = _shaded(rng, picture)
    pen = ImageDraw.Draw(picture)
    for thing in shown.things:
        _draw_thing(rng, pen, thing, side)
    picture = picture.reduce(FINER)
    if rng.random() < 0.1:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    if rng.random() < 0.15:
        held = io.BytesIO()
        picture.save(held, "JPEG", quality=rng.randint(40, 95))
        picture = Image.open(held)
    pixels = np.asarray(picture)
    if rng.random() < 0.1:
        noise = np.random.default_rng(rng.getrandbits(32)).normal(
            0, rng.uniform(2, 8), pixels.shape
        )
        pixels = (pixels + noise).clip(0, 255).astype(np.uint8)
    return pixels


def _shade(rng: Random, colour: int) -> tuple[int, int, int]:
    points = SHADES[COLOURS[colour]]
    one, other, share = rng.choice(points), rng.choice(points), rng.random()
    red, green, blue = (
        min(255, max(0, round(a + share * (b - a) + rng.uniform(-10, 10))))
        for a, b in zip(one, other, strict=True)
    )
    return red, green, blue


def _shaded(rng: Random, picture: Image.Image) -> Image.Image:
    """A little darker towards one side."""
    slope = np.linspace(1, rng.uniform(0.82, 0.95), picture.height)[:, None, None]
    slope = slope if rng.random() < 0.5 else slope[::-1]
    pixels = np.asarray(picture) * (slope if rng.random() < 0.5 else slope.transpose(1, 0, 2))
    return Image.fromarray(pixels.astype(np.uint8))


def _draw_thing(rng: Random, pen: ImageDraw.ImageDraw, thing: Thing, side: int) -> None:
    colour, name = _shade(rng, thing.colour), SHAPES[thing.shape]
    stretch = math.sqrt(rng.uniform(0.75, 1.33))
    wide, high = thing.radius * stretch * side, thing.radius / stretch * side
    x, y = thing.x * side, thing.y * side
    box = (x - wide, y - high, x + wide, y + high)
    if name == "circle":
        pen.ellipse(box, colour)
    elif name == "ring":
        pen.ellipse(box, None, colour, round(min(wide, high) * rng.uniform(0.3, 0.5)))
    else:
        turn = _turn(rng, name)
        corners = [
            (x + wide * (u * math.cos(turn) - v * math.sin(turn)),
             y + high * (u * math.sin(turn) + v * math.cos(turn)))
            for u, v in _outline(rng, name)
        ]  # fmt: skip
        pen.polygon(corners, colour)


def _turn(rng: Random, name: str) -> float:
    """Radians: mostly upright."""
    if rng.random() < 0.4:
        return 0
    if name in {"triangle", "star"} and rng.random() < 0.3:
        return rng.uniform(0, math.tau)
    return rng.uniform(-0.2, 0.2)


def _outline(rng: Random, name: str) -> list[tuple[float, float]]:
    """Corners around (0, 0), within a circle of radius 1 or little more."""
    if name == "square":
        return [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)]
    if name == "triangle":
        return [(0, -1), (0.93, 0.78), (-0.93, 0.78)]
    if name == "cross":
        arm = rng.uniform(0.22, 0.38)
        quarter = [(arm, -1), (arm, -arm), (1, -arm)]
        return [_rotated(*corner, 90 * n) for n in range(4) for corner in quarter]
    notch = rng.uniform(0.4, 0.52)
    return [_rotated(0, -1.1 * (notch if n % 2 else 1), 36 * n) for n in range(10)]


def _rotated(u: float, v: float, degrees: float) -> tuple[float, float]:
    a = math.radians(degrees)
    return u * math.cos(a) - v * math.sin(a), u * math.sin(a) + v * math.cos(a)
