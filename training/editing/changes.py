"""What is asked of a picture: a scene before, one change, and the scene after.

Lengths are fractions of the picture's side, as in the drawings. Every change is one a person could
point at in the result; one that does not fit (no room to move, nothing to take away) is not made.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from training.shapes import scenes
from training.shapes.drawing import COLOUR_NAMES, SHAPES, Scene, Thing

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

EXTENT = (1.0, 1.25, 1.17, 1.0, 1.06, 1.12)
"""How far the farthest point of each shape is from its centre, in radii; the order of SHAPES."""

EDGE, APART = 0.02, 0.03
"""Room left at the sides of the picture and between two things."""

STEP = 1 / 6
"""How far a thing moves where there is room for it: one token of the transformer."""

GROWTH = 1.4
"""How many times as wide a thing becomes, or as narrow."""

SEVERAL = 0.5
"""Share of the pictures that show two things."""

FREEDOM = (0.2, 0.5, 0.3)
"""Shares of the pictures that are as the drawings are, a little looser, and free in place and size."""

SHIFT, STRETCH = 0.01, 0.05
"""What the looser ones add to the freedom of a centre, and of a radius as a share of itself."""

LONE_KEPT = 0.6

ADDED = 0.12
"""Radius of a thing that is added."""

DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
SPOTS = {
    "top right": (0.84, 0.16),
    "top left": (0.16, 0.16),
    "bottom right": (0.84, 0.84),
    "bottom left": (0.16, 0.84),
    "right": (0.84, 0.5),
    "left": (0.16, 0.5),
    "top": (0.5, 0.16),
    "bottom": (0.5, 0.84),
}
"""Where things are added; where no place is said, in the first of them that is free."""

KINDS = (
    *("colour", "shape", "both", "ground", "bigger", "smaller"),
    *(*DIRECTIONS, "add", "remove", "describe"),
)
FOLLOWED = ("colour", "shape", "both", "ground", "bigger", "smaller", "remove")
"""What pictures are changed by; the other kinds are only understood."""

HELD_OUT_OF = 8
"""One combination in so many is never trained on."""


@dataclass(frozen=True)
class Change:
    """One edit; ``which`` is the place in ``before`` of the thing it is about, if it is about one.

    ``colour`` and ``shape`` are what it becomes, or of what is added; ``ground`` the new background.
    """

    kind: str
    before: Scene
    after: Scene
    which: int | None = None
    colour: int | None = None
    shape: int | None = None
    ground: int | None = None
    spot: str | None = None

    @property
    def held_out(self) -> bool:
        """Whether the combination of kind, thing and wish is kept for the examination."""
        thing = None if self.which is None else self.before.things[self.which]
        facts = (self.kind, self.colour, self.shape, self.ground, self.spot)
        about = (thing.colour, thing.shape) if thing else (self.before.background,)
        digest = hashlib.sha256(repr((facts, about)).encode()).digest()
        return digest[0] % HELD_OUT_OF == 0


def change(rng: Random, kind: str, *, held_out: bool) -> Change:
    """A random change of this kind, from the one side or the other."""
    while True:
        fewest = rng.choice([1, 2, 2, 2]) if kind == "remove" else 1
        made = _MAKERS[kind](rng, before(rng, fewest=fewest))
        if made is not None and made.held_out is held_out:
            return made


def attempt(rng: Random, kind: str, scene: Scene) -> Change | None:
    """A change of this kind to this very scene, if one that fits is soon found.

    The only thing of a picture is removed less often than one of two.
    """
    if kind == "remove" and len(scene.things) < 2 and rng.random() < LONE_KEPT:
        return None
    return next((made for _ in range(4) if (made := _MAKERS[kind](rng, scene))), None)


def reversed_change(asked: Change) -> Change | None:
    """What leads back, where one of FOLLOWED does."""
    old, new = asked.before, asked.after
    if asked.kind == "ground":
        return Change("ground", new, old, ground=old.background)
    if asked.which is None or asked.kind not in _BACK:
        return None
    kind, thing = _BACK[asked.kind], old.things[asked.which]
    return Change(
        kind,
        new,
        old,
        asked.which,
        colour=thing.colour if kind in {"colour", "both"} else None,
        shape=thing.shape if kind in {"shape", "both"} else None,
    )


_BACK = {
    "colour": "colour",
    "shape": "shape",
    "both": "both",
    "bigger": "smaller",
    "smaller": "bigger",
}


def before(rng: Random, *, fewest: int = 1) -> Scene:
    """A picture to start from: as `pilotlight/shapes` draws them, a little looser, or free."""
    several = fewest == 2 or rng.random() < SEVERAL
    (freedom,) = rng.choices(range(3), FREEDOM)
    if freedom == 2:
        return _free_pair(rng) if several else _free(rng)
    while True:
        scene = (scenes.pair if several else scenes.lone)(rng)
        if not several or scene.things[0].colour != scene.things[1].colour:
            things = (_loose(rng, one) if freedom else one for one in scene.things)
            return Scene(scene.background, tuple(things))


def _free(rng: Random) -> Scene:
    background, colour = rng.sample(range(len(COLOUR_NAMES)), 2)
    shape, radius = rng.randrange(len(SHAPES)), rng.uniform(0.13, 0.36)
    reach = max(0.0, 0.5 - EDGE - radius * EXTENT[shape])
    x, y = (0.5 + rng.uniform(-reach, reach) * rng.choice([0.2, 1, 1]) for _ in "xy")
    return Scene(background, (Thing(colour, shape, x, y, radius),))


def _free_pair(rng: Random) -> Scene:
    while True:
        background, *colours = rng.sample(range(len(COLOUR_NAMES)), 3)
        along, across = rng.uniform(0.2, 0.28), [rng.uniform(-0.12, 0.12) for _ in "12"]
        row = rng.random() < 0.7
        things = []
        for sign, colour, aside in zip((-1, 1), colours, across, strict=True):
            x, y = 0.5 + sign * along, 0.5 + aside
            at = (x, y) if row else (y, x)
            things.append(Thing(colour, rng.randrange(len(SHAPES)), *at, rng.uniform(0.11, 0.21)))
        scene = Scene(background, tuple(things))
        if all(_fits(scene, k, one) for k, one in enumerate(things)):
            return scene


def _loose(rng: Random, thing: Thing) -> Thing:
    x, y = (at + rng.uniform(-SHIFT, SHIFT) for at in (thing.x, thing.y))
    return replace(thing, x=x, y=y, radius=thing.radius * rng.uniform(1 - STRETCH, 1 + STRETCH))


def _fits(scene: Scene, place: int | None, thing: Thing) -> bool:
    """Whether the thing lies inside the picture and clear of all others than that at ``place``."""
    reach = thing.radius * EXTENT[thing.shape]
    if min(thing.x, thing.y, 1 - thing.x, 1 - thing.y) < reach + EDGE / 2:
        return False
    others = [one for k, one in enumerate(scene.things) if k != place]
    return all(
        math.hypot(thing.x - one.x, thing.y - one.y)
        >= reach + one.radius * EXTENT[one.shape] + APART
        for one in others
    )


def _with(scene: Scene, place: int, thing: Thing) -> Scene:
    things = tuple(thing if k == place else one for k, one in enumerate(scene.things))
    return replace(scene, things=things)


def _other(rng: Random, count: int, *unlike: int) -> int:
    return rng.choice([one for one in range(count) if one not in unlike])


def _other_colour(rng: Random, scene: Scene, place: int) -> int:
    return _other(rng, len(COLOUR_NAMES), scene.background, scene.things[place].colour)


def _colour(rng: Random, scene: Scene) -> Change:
    place = rng.randrange(len(scene.things))
    colour = _other_colour(rng, scene, place)
    after = _with(scene, place, replace(scene.things[place], colour=colour))
    return Change("colour", scene, after, place, colour=colour)


def _shape(rng: Random, scene: Scene) -> Change | None:
    place = rng.randrange(len(scene.things))
    shape = _other(rng, len(SHAPES), scene.things[place].shape)
    thing = replace(scene.things[place], shape=shape)
    if not _fits(scene, place, thing):
        return None
    return Change("shape", scene, _with(scene, place, thing), place, shape=shape)


def _both(rng: Random, scene: Scene) -> Change | None:
    place = rng.randrange(len(scene.things))
    shape = _other(rng, len(SHAPES), scene.things[place].shape)
    colour = _other_colour(rng, scene, place)
    thing = replace(scene.things[place], shape=shape, colour=colour)
    if not _fits(scene, place, thing):
        return None
    return Change("both", scene, _with(scene, place, thing), place, colour=colour, shape=shape)


def _ground(rng: Random, scene: Scene) -> Change:
    taken = [one.colour for one in scene.things]
    ground = _other(rng, len(COLOUR_NAMES), scene.background, *taken)
    return Change("ground", scene, replace(scene, background=ground), ground=ground)


def _bigger(rng: Random, scene: Scene) -> Change | None:
    place = rng.randrange(len(scene.things))
    old = scene.things[place]
    for growth in (GROWTH, 1.3, 1.2):
        thing = replace(old, radius=old.radius * growth)
        if _fits(scene, place, thing):
            return Change("bigger", scene, _with(scene, place, thing), place)
    return None


def _smaller(rng: Random, scene: Scene) -> Change | None:
    place = rng.randrange(len(scene.things))
    old = scene.things[place]
    thing = replace(old, radius=old.radius / GROWTH)
    if thing.radius < 0.085:
        return None
    return Change("smaller", scene, _with(scene, place, thing), place)


def _moved(direction: str) -> Callable[[Random, Scene], Change | None]:
    dx, dy = DIRECTIONS[direction]

    def made(rng: Random, scene: Scene) -> Change | None:
        place = rng.randrange(len(scene.things))
        old = scene.things[place]
        for step in (STEP, 0.13, 0.1):
            thing = replace(old, x=old.x + dx * step, y=old.y + dy * step)
            if _fits(scene, place, thing):
                return Change(direction, scene, _with(scene, place, thing), place)
        return None

    return made


def _add(rng: Random, scene: Scene) -> Change | None:
    if len(scene.things) > 1:
        return None
    colour = _other(rng, len(COLOUR_NAMES), scene.background)
    shape = rng.randrange(len(SHAPES))
    named = {spot: Thing(colour, shape, *at, ADDED) for spot, at in SPOTS.items()}
    free = [spot for spot, thing in named.items() if _fits(scene, None, thing)]
    if not free:
        return None
    spot = None if rng.random() < 0.3 else rng.choice(free)
    after = replace(scene, things=(*scene.things, named[spot or free[0]]))
    return Change("add", scene, after, colour=colour, shape=shape, spot=spot)


def _remove(rng: Random, scene: Scene) -> Change:
    place = rng.randrange(len(scene.things))
    things = tuple(one for k, one in enumerate(scene.things) if k != place)
    return Change("remove", scene, replace(scene, things=things), place)


def _describe(rng: Random, scene: Scene) -> Change | None:
    """The whole picture as it should be: one or two respects differ, the places stay."""
    after = scene
    for kind in rng.sample([_colour, _shape, _ground], rng.choice([1, 1, 2, 2, 3])):
        made = kind(rng, after)
        if made is None:
            return None
        after = made.after
    colours = [one.colour for one in after.things]
    if after.background in colours or len(set(colours)) < len(colours):
        return None
    return Change("describe", scene, after)


_MAKERS: dict[str, Callable[[Random, Scene], Change | None]] = {
    "colour": _colour,
    "shape": _shape,
    "both": _both,
    "ground": _ground,
    "bigger": _bigger,
    "smaller": _smaller,
    **{direction: _moved(direction) for direction in DIRECTIONS},
    "add": _add,
    "remove": _remove,
    "describe": _describe,
}
