"""Short films of one flat shape on a flat background, and the sentences that say what they show."""

from random import Random
from typing import Final, NamedTuple

import torch
from torch import Tensor

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
COLOUR_NAMES: Final = list(COLOURS)
PALETTE: Final = torch.tensor(list(COLOURS.values())).float() / 127.5 - 1
"""(8, 3), -1 to 1."""
SHAPES: Final = ["circle", "square", "triangle", "cross"]
MOTIONS: Final = ["right", "left", "up", "down", "growing", "shrinking", "still"]
DIRECTIONS: Final = 4
"""The first motions are directions."""
SIDE, FRAMES, RATE = 64, 9, 8
TRAVEL: Final = 22.0
"""Pixels from the first frame to the last."""
ZOOM: Final = 2.0
"""Radius of the last frame against the first's where a shape grows, and the other way round."""
HELD_OUT: Final = 160
"""So many of the combinations are never trained on."""

_DOWN, _ALONG = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")


class Scene(NamedTuple):
    """Numbers in the lists above."""

    shape: int
    colour: int
    ground: int
    motion: int


def scenes() -> list[Scene]:
    """Every combination, always in the same order: the first HELD_OUT are for scoring."""
    every = [
        Scene(shape, colour, ground, motion)
        for shape in range(len(SHAPES))
        for colour in range(len(COLOURS))
        for ground in range(len(COLOURS))
        if colour != ground
        for motion in range(len(MOTIONS))
    ]
    Random(7).shuffle(every)
    return every


def draw(shapes: Tensor, colours: Tensor, grounds: Tensor, place: Tensor) -> Tensor:
    """(n, 3, SIDE, SIDE), -1 to 1. ``place`` (n, 3): x, y and radius in pixels."""
    x, y, r = (place[:, k, None, None] for k in range(3))
    x, y = _ALONG - x, _DOWN - y
    ax, ay = x.abs(), y.abs()
    far = torch.maximum(ax, ay)
    distances = [
        (x * x + y * y).sqrt() - r,
        far - r * 0.88,
        torch.maximum(y - r * 0.75, ax * 0.885 - (y + r) * 0.465),
        torch.maximum(torch.minimum(ax, ay) - r * 0.32, far - r),
    ]
    distance = torch.stack(distances, 1)[torch.arange(len(shapes)), shapes]
    mask = (0.5 - distance).clamp(0, 1)[:, None]
    return PALETTE[colours][..., None, None] * mask + PALETTE[grounds][..., None, None] * (1 - mask)


def start(rng: Random, motion: str) -> tuple[float, float, float]:
    """Where it is at first, and its radius: with room for the motion."""
    near, far = (15, 32), (32, 49)
    x = rng.uniform(*{"right": near, "left": far}.get(motion, (24, 40)))
    y = rng.uniform(*{"down": near, "up": far}.get(motion, (24, 40)))
    radii = {"growing": (8.5, 11.0), "shrinking": (17.0, 22.0), "still": (10.0, 19.0)}
    return x, y, rng.uniform(*radii.get(motion, (11.0, 16.0)))


def clips(rng: Random, wanted: list[Scene]) -> Tensor:
    """(n, 3, FRAMES, SIDE, SIDE), -1 to 1."""
    names = [MOTIONS[scene.motion] for scene in wanted]
    first = torch.tensor([start(rng, name) for name in names])
    dx = torch.tensor([{"right": TRAVEL, "left": -TRAVEL}.get(name, 0.0) for name in names])
    dy = torch.tensor([{"down": TRAVEL, "up": -TRAVEL}.get(name, 0.0) for name in names])
    zoom = torch.tensor([{"growing": ZOOM, "shrinking": 1 / ZOOM}.get(name, 1.0) for name in names])
    moves = torch.stack((dx, dy, first[:, 2] * (zoom - 1)), 1)
    times = torch.linspace(0, 1, FRAMES)[None, :, None]
    places = (first[:, None] + moves[:, None] * times).flatten(0, 1)
    shown = [
        torch.tensor(part).repeat_interleave(FRAMES) for part in list(zip(*wanted, strict=True))[:3]
    ]
    flat = draw(shown[0], shown[1], shown[2], places)
    return flat.unflatten(0, (len(wanted), FRAMES)).transpose(1, 2).contiguous()


def caption(scene: Scene, rng: Random | None = None) -> str:
    """The plain sentence, or one of many ways to say it where there is chance."""
    colour, ground = COLOUR_NAMES[scene.colour], COLOUR_NAMES[scene.ground]
    thing = f"{_article(colour)} {colour} {SHAPES[scene.shape]}"
    behind = f"on {_article(ground)} {ground} background"
    if rng is None:
        return f"{thing} {_moves(scene)[0]} {behind}"
    move = rng.choice(_moves(scene))
    if rng.random() < 0.3:
        thing = f"{colour} {SHAPES[scene.shape]}"
    if rng.random() < 0.3:
        behind = f"on {ground} background"
    usual = f"{thing} {move} {behind}"
    return rng.choice(
        [usual, usual, usual, f"{thing} {behind} {move}", f"{thing} {behind}, {move}"]
    )


def _moves(scene: Scene) -> list[str]:
    name = MOTIONS[scene.motion]
    if scene.motion < DIRECTIONS:
        to = [f"moving to the {name}"] if name in ("right", "left") else []
        return [f"moving {name}", f"moving {name}", f"that moves {name}", *to]
    return ["staying still", "staying still", "still", "not moving"] if name == "still" else [name]


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


WORDS: Final = [
    *COLOUR_NAMES, *SHAPES, *MOTIONS, "moving", "moves", "move", "that", "staying", "not", "to",
    "the", "on", "a", "an", "background", "with", "of", "video", "clip", "is", "and", "it",
]  # fmt: skip
"""What the tokenizer knows whole; the rest it spells."""
