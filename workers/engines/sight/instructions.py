"""Instructions to change a picture of flat shapes: what they ask for, and the picture that they want.

The model draws what a sentence describes; it was never taught to obey. So the picture is read, the
instruction changes what was read, and the model is given the description of that. Text and rules:
what is not understood is said to be so.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from workers.engines.sight.shape_reading import COLOURS, SHAPES, Scene, Thing

_COLOUR: Final = "|".join(COLOURS)
_SHAPE: Final = "|".join(SHAPES)
_ORDER: Final = re.compile(
    r"^\s*(?:please\s+)?(?:make|turn|change|put|place|replace|paint|colou?r|give|set)\b",
    re.IGNORECASE,
)
_GROUNDS: Final = (
    re.compile(rf"\b(?:on\s+)?(?:an?\s+|the\s+)?({_COLOUR})\s+background\b"),
    re.compile(rf"\bbackground\s+(?:to\s+|into\s+|in\s+|be\s+)?(?:an?\s+)?({_COLOUR})\b"),
    re.compile(rf"\bon\s+(?:an?\s+)?({_COLOUR})\b(?!\s+(?:{_SHAPE}))"),
)
_WHICH: Final = re.compile(rf"\bthe\s+(?:({_COLOUR})\s+)?({_SHAPE}|thing|shape|one)\b")
_MIDDLE, _SIDEWAYS = 0.5, 0.1
"""Of the picture; and how far from it a thing stands at a side."""
_SIZES: Final = {"small": 0.33, "": 0.58, "large": 0.78}
_SIZES_ASIDE: Final = {"small": 0.29, "": 0.40, "large": 0.54}
"""How wide the model draws a lone thing, by the word for it: in the middle, and at a side."""


class Wish(NamedTuple):
    """What an instruction asks for; empty where it says nothing."""

    colour: str = ""
    shape: str = ""
    ground: str = ""
    which_colour: str = ""
    which_shape: str = ""


class NotUnderstood(ValueError):
    """In words for the caller."""


def wish(prompt: str) -> Wish | None:
    """None for a sentence that gives no order: then it describes the picture."""
    if not _ORDER.match(prompt):
        return None
    rest, ground = prompt.lower(), ""
    for phrase in _GROUNDS:
        if found := phrase.search(rest):
            ground, rest = found[1], rest[: found.start()] + rest[found.end() :]
            break
    which_colour = which_shape = ""
    if found := _WHICH.search(rest):
        which_colour = found[1] or ""
        which_shape = found[2] if found[2] in SHAPES else ""
        rest = rest[: found.start()] + rest[found.end() :]
    colour, shape = (re.search(rf"\b({words})\b", rest) for words in (_COLOUR, _SHAPE))
    made = Wish(colour[1] if colour else "", shape[1] if shape else "", ground,
                which_colour, which_shape)  # fmt: skip
    if not (made.colour or made.shape or made.ground):
        raise NotUnderstood(
            "asks for no colour, shape or background that the model knows: say 'make it green', "
            "'turn the circle into a square', 'put it on a yellow background', or describe the "
            "whole picture as it should be"
        )
    return made


def granted(scene: Scene, wished: Wish) -> tuple[Scene, Thing | None]:
    """The scene as it should be, and the only thing that changes; None where the ground does too.

    Raises NotUnderstood where it is not clear which thing is meant.
    """
    ground = wished.ground or scene.ground
    if not (wished.colour or wished.shape):
        return Scene(ground, scene.things), None
    meant = _meant(scene, wished)
    new = meant._replace(colour=wished.colour or meant.colour, shape=wished.shape or meant.shape)
    things = tuple(new if one is meant else one for one in scene.things)
    return Scene(ground, things), None if wished.ground else meant


def _meant(scene: Scene, wished: Wish) -> Thing:
    fitting = [
        thing
        for thing in scene.things
        if wished.which_colour in ("", thing.colour) and wished.which_shape in ("", thing.shape)
    ]
    if len(fitting) == 1:
        return fitting[0]
    shown = described(scene)
    if not fitting:
        raise NotUnderstood(f"is about something that is not there: the picture shows {shown}")
    raise NotUnderstood(f"does not say which one is meant: the picture shows {shown}")


def described(scene: Scene) -> str:
    """As the model was taught to hear it. Raises NotUnderstood for more than it can draw."""
    ground = f"on {_article(f'{scene.ground} background')}"
    if not scene.things or len(scene.things) > 2:
        raise NotUnderstood(
            f"needs a picture of one or two flat shapes; this one shows {len(scene.things)}: "
            "describe the whole picture as it should be instead"
        )
    if len(scene.things) == 1:
        (thing,) = scene.things
        size, side = _size_and_side(thing)
        words = f"{size} {thing.colour} {thing.shape}".strip()
        return f"{_article(words)} {side}{ground}"
    first, second = scene.things
    across = abs(first.middle[0] - second.middle[0])
    join = "and" if across > abs(first.middle[1] - second.middle[1]) else "above"
    named = [_article(f"{one.colour} {one.shape}") for one in scene.things]
    return f"{named[0]} {join} {named[1]} {ground}"


def _size_and_side(thing: Thing) -> tuple[str, str]:
    x, y = (place - _MIDDLE for place in thing.middle)
    sides = {"on the left ": -x, "on the right ": x, "at the top ": -y, "at the bottom ": y}
    side = max(sides, key=lambda name: sides[name])
    side = side if sides[side] > _SIDEWAYS else ""
    sizes = _SIZES_ASIDE if side else _SIZES
    return min(sizes, key=lambda name: abs(sizes[name] - thing.extent)), side


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
