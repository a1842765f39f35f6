"""How changes are asked for. The patterns of the examination are in no training sentence.

`{w}` says which thing ("it", "the red circle", "the left one"), `{c}` is a colour, `{s}` a shape,
`{a_s}`, `{a_c}` and `{a_cs}` the same with their article, `{g}` the new background, `{d}` words for
a direction and `{p}` for a place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from training.shapes.captions import wider_caption
from training.shapes.drawing import COLOUR_NAMES, SHAPES, Scene
from training.shapes.scenes import is_column

if TYPE_CHECKING:
    from random import Random

    from training.editing.changes import Change

OPENINGS = [
    *["please", "could you", "can you", "could you please", "now", "i want you to", "please now"],
    *["would you", "let us", "i would like you to", "you should", "just", "kindly", "then"],
]
ENDINGS = ["please", "now", "thanks", "for me", "instead", "if you can"]

_CHANGE_COLOUR = [
    *["make {w} {c}", "turn {w} {c}", "paint {w} {c}", "colour {w} {c}", "color {w} {c}"],
    *["change {w} to {c}", "change the colour of {w} to {c}", "change the color of {w} to {c}"],
    *["{w} should be {c}", "{w} must become {c}", "give {w} {a_c} colour", "turn {w} into {c}"],
    *["recolour {w} to {c}", "{w} in {c}", "set the colour of {w} to {c}", "{c} for {w}"],
    *["{v} {w} {c}", "{v} {w} in {c}", "make the colour of {w} {c}", "{c} {w}"],
]
_SHAPE = [
    *["turn {w} into {a_s}", "change {w} into {a_s}", "change {w} to {a_s}", "make {w} {a_s}"],
    *["replace {w} with {a_s}", "replace {w} by {a_s}", "make {a_s} of {w}", "swap {w} for {a_s}"],
    *["{w} should be {a_s}", "{w} becomes {a_s}", "{a_s} in place of {w}", "turn {w} to {a_s}"],
    *["{v} {w} into {a_s}", "make {a_s} out of {w}", "change the shape of {w} to {a_s}"],
    *["put {a_s} where {w} is", "{w} must become {a_s}", "exchange {w} for {a_s}"],
]
_MOVE = [
    *["move {w} {d}", "shift {w} {d}", "push {w} {d}", "put {w} further {d}", "slide {w} {d}"],
    *["{w} should go {d}", "bring {w} {d}", "{d} with {w}", "{v} {w} {d}", "place {w} more {d}"],
    *["move {w} a bit {d}", "let {w} go {d}", "{w} goes {d}", "move {w} further {d}"],
]
BIGGER = ["bigger", "larger", "wider", "more large", "much bigger", "a bit bigger", "a bit larger"]
SMALLER = ["smaller", "tinier", "more small", "much smaller", "a bit smaller", "less big"]
_SIZE = [
    *["make {w} {z}", "{w} should be {z}", "turn {w} {z}", "{w} must become {z}", "{z} {w}"],
    *["i want {w} {z}", "{v} {w} {z}", "draw {w} {z}", "change {w} to be {z}", "{w} {z}"],
]
TAUGHT: dict[str, list[str]] = {
    "colour": _CHANGE_COLOUR,
    "shape": _SHAPE,
    "both": [p.replace("{a_s}", "{a_cs}") for p in _SHAPE],
    "ground": [
        *["put {w} on {a_g} background", "change the background to {g}", "make the background {g}"],
        *["turn the background {g}", "the background should be {g}", "paint the background {g}"],
        *["set the background to {g}", "give it {a_g} background", "{g} background", "on {g}"],
        *["place {w} on {g}", "use {a_g} background", "change the colour of the background to {g}"],
        *["{v} the background {g}", "background in {g}", "replace the background with {g}"],
        *["put {g} behind {w}", "put {w} in front of {g}", "the ground should become {g}"],
    ],
    "bigger": [*_SIZE, "enlarge {w}", "grow {w}", "scale {w} up", "increase the size of {w}"],
    "smaller": [*_SIZE, "shrink {w}", "reduce {w}", "scale {w} down", "reduce the size of {w}"],
    **dict.fromkeys(("left", "right", "up", "down"), _MOVE),
    "add": [
        *["add {a_cs} {p}", "draw {a_cs} {p}", "put {a_cs} {p}", "place {a_cs} {p}"],
        *["add one more thing: {a_cs} {p}", "there should also be {a_cs} {p}", "insert {a_cs} {p}"],
        *["{p} add {a_cs}", "also draw {a_cs} {p}", "put another thing {p}: {a_cs}"],
        *["i want {a_cs} {p} too", "add another {cs} {p}", "include {a_cs} {p}", "plus {a_cs} {p}"],
    ],
    "remove": [
        *["remove {w}", "delete {w}", "erase {w}", "take {w} away", "take away {w}", "get rid of {w}"],
        *["{w} should go away", "remove {w} from the picture", "take {w} out", "drop {w}"],
        *["{w} should disappear", "{w} is to be gone", "have {w} removed", "cut {w} out", "hide {w}"],
        *["there should be no {n}", "wipe {w} out", "without {w}", "leave {w} out", "i do not want {w}"],
    ],
}  # fmt: skip
EXAMINED: dict[str, list[str]] = {
    "colour": [
        *["I want {w} to be {c}", "have {w} painted {c}", "{w} ought to look {c}"],
        *["let {w} be {c}", "give {w} the colour {c}", "how about {w} being {c}?"],
    ],
    "shape": [
        *["I want {w} to become {a_s}", "let {w} be {a_s}", "convert {w} into {a_s}"],
        *["have {a_s} instead of {w}", "transform {w} to {a_s}"],
    ],
    "both": [
        *["I want {w} to become {a_cs}", "let {w} be {a_cs}", "convert {w} into {a_cs}"],
        *["have {a_cs} instead of {w}", "transform {w} to {a_cs}"],
    ],
    "ground": [
        *["I want {a_g} background", "let the background be {g}", "everything behind {w} in {g}"],
        *["have {w} stand on {a_g} background", "switch the background to {g}"],
    ],
    "bigger": ["let {w} be {z}", "can {w} be made {z}?", "I would like to see {w} {z}"],
    "smaller": ["let {w} be {z}", "can {w} be made {z}?", "I would like to see {w} {z}"],
    **{
        kind: ["I want {w} {d}", "{w} needs to move {d}", "nudge {w} {d}", "have {w} moved {d}"]
        for kind in ("left", "right", "up", "down")
    },
    "add": [
        *["I would like {a_cs} {p} as well", "show one more shape, {a_cs}, {p}"],
        *["let there be {a_cs} {p} also", "and now add {a_cs} {p} here"],
    ],
    "remove": [
        *["let {w} disappear", "make {w} go away", "{w} has to be removed", "I want {w} gone"],
    ],
}
_EXAMINED_DESCRIBED = [
    *["{o} against solid {b}", "A {b} scene containing {a_o}", "{a_o} resting on {b}"],
    *["{o}, {b} backdrop", "Nothing but {a_o} in front of {b}"],
]
TOWARDS = {
    "left": ["left", "to the left", "to the left side", "leftwards"],
    "right": ["right", "to the right", "to the right side", "rightwards"],
    "up": ["up", "upwards", "to the top", "higher", "towards the top"],
    "down": ["down", "downwards", "to the bottom", "lower", "towards the bottom"],
}
_PLACES = {
    "left": ["on the left", "at the left", "on the left side"],
    "right": ["on the right", "at the right", "on the right side"],
    "top": ["at the top", "on top", "on the top side"],
    "bottom": ["at the bottom", "on the bottom side", "near the bottom"],
}
_GIBBERISH = "eeetaoinshrdlucmfwypvbgkjqxz"


class Said(NamedTuple):
    """An instruction, and its words for the thing that is meant: none where it is about all."""

    text: str
    which: str


def instruction(rng: Random, asked: Change, *, examined: bool) -> Said:
    """One of many ways to ask for the change; those of the examination are never taught."""
    if asked.kind == "describe":
        return Said(_described(rng, asked.after, examined=examined), "")
    pattern = rng.choice((EXAMINED if examined else TAUGHT)[asked.kind])
    words = words_for(rng, asked)
    text = " ".join(pattern.format(**words).split())
    meant = "" if asked.which is None else words["w"]
    return Said(text if examined else dressed(rng, text), meant)


def which(rng: Random, scene: Scene, place: int) -> str:
    """Words that fit this thing of the scene and no other."""
    thing, others = scene.things[place], [o for k, o in enumerate(scene.things) if k != place]
    colour, shape = COLOUR_NAMES[thing.colour], SHAPES[thing.shape]
    one = rng.choice(["one", "thing", "shape"])
    ways = [f"the {colour} {shape}"] * 2
    if all(other.shape != thing.shape for other in others):
        ways += [f"the {shape}"] * 3
    if all(other.colour != thing.colour for other in others):
        ways.append(f"the {colour} {one}")
    if others:
        named = rng.choice([one, shape])
        ways += _by_place(scene, place, named)
    else:
        ways += ["it", "it", f"the {rng.choice(['thing', 'shape'])}", "this"]
    return rng.choice(ways)


def _by_place(scene: Scene, place: int, named: str) -> list[str]:
    if is_column(scene):
        side = "upper" if scene.things[place].y < 0.5 else "lower"
        return [f"the {side} {named}"]
    side = "left" if place == 0 else "right"
    return [f"the {side} {named}", f"the {named} on the {side}"]


def words_for(rng: Random, asked: Change) -> dict[str, str]:
    """What the slots of a pattern are filled with, drawn anew at each call."""
    colour = "" if asked.colour is None else COLOUR_NAMES[asked.colour]
    shape = "" if asked.shape is None else SHAPES[asked.shape]
    ground = "" if asked.ground is None else COLOUR_NAMES[asked.ground]
    scene, place = asked.before, asked.which
    if place is None:  # the whole picture
        w = "them" if len(scene.things) > 1 else rng.choice(["it", which(rng, scene, 0)])
    else:
        w = which(rng, scene, place)
    sizes = SMALLER if asked.kind == "smaller" else BIGGER
    return {
        "w": w,
        "n": "thing" if w in {"it", "this", "them"} else w.removeprefix("the "),
        "c": colour,
        "s": shape,
        "g": ground,
        "cs": f"{colour} {shape}".strip(),
        "a_c": article(colour),
        "a_s": article(shape),
        "a_g": article(ground),
        "a_cs": article(f"{colour} {shape}".strip()),
        "d": rng.choice(TOWARDS.get(asked.kind, [""])),
        "p": _place(rng, asked.spot),
        "z": rng.choice(sizes),
        "v": "".join(rng.choice(_GIBBERISH) for _ in range(rng.randint(3, 8))),
    }


def _place(rng: Random, spot: str | None) -> str:
    if spot is None:
        return ""
    if " " in spot:
        high, wide = spot.split()
        return rng.choice(
            [
                f"at the {high} {wide}",
                f"in the {high} {wide} corner",
                f"in the corner at the {high} {wide}",
            ]
        )
    return rng.choice(_PLACES[spot])


def article(words: str) -> str:
    """The words with "a" or "an" before them."""
    return f"{'an' if words[:1] in {*'aeiou'} else 'a'} {words}"


def dressed(rng: Random, text: str) -> str:
    """With what people add without meaning anything by it."""
    if rng.random() < 0.35:
        text = f"{rng.choice(OPENINGS)} {text}"
    if rng.random() < 0.12:
        text = f"{text} {rng.choice(ENDINGS)}"
    kind = rng.random()
    if kind < 0.4:
        text = text[0].upper() + text[1:]
    elif kind < 0.43:
        text = text.upper()
    return text + rng.choice([".", ".", "!", "?"]) if rng.random() < 0.3 else text


def _described(rng: Random, scene: Scene, *, examined: bool) -> str:
    if examined and len(scene.things) == 1:
        thing, ground = scene.things[0], COLOUR_NAMES[scene.background]
        said = f"{COLOUR_NAMES[thing.colour]} {SHAPES[thing.shape]}"
        return rng.choice(_EXAMINED_DESCRIBED).format(o=said, a_o=article(said), b=ground)
    if len(scene.things) == 2 and examined:
        return _plain(scene)
    while True:
        text = wider_caption(rng, scene)
        if COLOUR_NAMES[scene.background] in text.lower() and not _bare(text, scene):
            return text


def _plain(scene: Scene) -> str:
    said = [article(f"{COLOUR_NAMES[o.colour]} {SHAPES[o.shape]}") for o in scene.things]
    join = "above" if is_column(scene) else "and"
    return f"{said[0]} {join} {said[1]} on {article(COLOUR_NAMES[scene.background])} background"


def _bare(text: str, scene: Scene) -> bool:
    """Whether a colour is left out that the picture cannot do without."""
    return any(COLOUR_NAMES[one.colour] not in text.lower() for one in scene.things)
