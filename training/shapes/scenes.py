"""Which scenes are drawn, and how often.

The mix leans towards what a small model finds hard: small stars, large rings and pairs of
things. Things stay close to fixed places and sizes, because a model this small spends its
strength on agreeing where a border runs, and pays for every freedom with wobbly borders.
"""

from random import Random

from training.shapes.drawing import COLOUR_NAMES, SHAPES, Scene, Thing

SIDES = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}
"""Each side as a direction (x, y)."""

RADIUS = {None: 0.29, "small": 0.165, "large": 0.39}
"""Radius of a lone thing in the middle, by the word for its size."""

RADIUS_ASIDE = {None: 0.20, "small": 0.145, "large": 0.27}
"""The same at a side of the picture, where there is less room."""

PAIR_RADIUS, PAIR_OFFSET = 0.19, 0.24
SHIFT, STRETCH = 0.012, 0.025
"""Random freedom of a centre (fraction of the picture) and of a radius (fraction of itself)."""

WHITE, BLACK = COLOUR_NAMES.index("white"), COLOUR_NAMES.index("black")
HARD = [("star", "small"), ("ring", "large"), ("star", "small"), ("ring", "small")]


def lone(rng: Random) -> Scene:
    """One thing, in the middle or at a side."""
    colour, background = rng.sample(range(len(COLOUR_NAMES)), 2)
    shape, size = rng.randrange(len(SHAPES)), rng.choice([None] * 6 + ["small", "large"] * 2)
    side = rng.choice([None] * 6 + list(SIDES))
    if rng.random() < 0.15:
        name, size = rng.choice(HARD)
        shape, side = SHAPES.index(name), None
    return Scene(background, (_lone_thing(rng, colour, shape, size, side),), size, side)


def pair(rng: Random) -> Scene:
    """Two things, side by side or one above the other; the first is left or on top."""
    background, first, second = rng.sample(range(len(COLOUR_NAMES)), 3)
    if rng.random() < 0.08:
        second = first
    dx, dy = (1, 0) if rng.random() < 0.7 else (0, 1)
    things = tuple(
        Thing(
            colour,
            rng.randrange(len(SHAPES)),
            0.5 + sign * dx * PAIR_OFFSET + _shift(rng),
            0.5 + sign * dy * PAIR_OFFSET + _shift(rng),
            PAIR_RADIUS * _stretch(rng),
        )
        for sign, colour in ((-1, first), (1, second))
    )
    return Scene(background, things)


def is_column(scene: Scene) -> bool:
    """Whether the two things of a pair stand one above the other."""
    first, second = scene.things
    return abs(first.y - second.y) > abs(first.x - second.x)


def unsaid_background(colours: list[int]) -> int:
    """The background of a caption that names none: white, or black behind something white."""
    return BLACK if WHITE in colours else WHITE


def _lone_thing(rng: Random, colour: int, shape: int, size: str | None, side: str | None) -> Thing:
    radius = (RADIUS if side is None else RADIUS_ASIDE)[size]
    dx, dy = SIDES[side] if side else (0, 0)
    reach = 0.44 - radius
    x, y = 0.5 + dx * reach + _shift(rng), 0.5 + dy * reach + _shift(rng)
    return Thing(colour, shape, x, y, radius * _stretch(rng))


def _shift(rng: Random) -> float:
    return rng.uniform(-SHIFT, SHIFT)


def _stretch(rng: Random) -> float:
    return 1 + rng.uniform(-STRETCH, STRETCH)
