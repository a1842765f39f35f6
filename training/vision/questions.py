"""What may be asked about a scene, and what is true of it.

A question is about things with a colour, a shape, both or neither. Where it fits one thing, it is
answered; where it fits none or several, the answer says how many.
"""

import itertools
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from training.vision import wordings
from training.vision.drawing import COLOURS, MOST, SHAPES, Scene, Thing

NUMBERS = ["no", "one", "two", "three", "four", "five", "six"]
PLACES = [
    ["at the top left", "at the top", "at the top right"],
    ["on the left", "in the middle", "on the right"],
    ["at the bottom left", "at the bottom", "at the bottom right"],
]
UNSURE = 0.04
"""Nearer than this to the border of two places, nobody is asked where a thing is."""
STRANGE = "i can only tell colours, shapes, places and numbers."


class Asked(NamedTuple):
    question: str
    answer: str


class About(NamedTuple):
    """Which things a question means; None: whatever they are."""

    colour: int | None
    shape: int | None

    def fits(self, thing: Thing) -> bool:
        """Whether it is one of them."""
        return self.colour in (None, thing.colour) and self.shape in (None, thing.shape)

    def words(self, *, many: bool = False) -> str:
        """As an answer calls them."""
        shape = "shape" if self.shape is None else SHAPES[self.shape]
        named = (plural(shape) if many else shape,)
        return " ".join((*([] if self.colour is None else [COLOURS[self.colour]]), *named))


def plural(word: str) -> str:
    """More than one."""
    return word + ("es" if word.endswith("s") else "s")


def article(words: str) -> str:
    """With a or an."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


EVENLY = (18, 16, 18, 20, 10, 6, 9, 3)
"""How often each kind of question is asked, in the order of `ask`."""
HARD = (10, 8, 42, 14, 4, 2, 18, 2)
"""The same, mostly of what is learnt last: where things are."""


def ask(
    rng: Random,
    scene: Scene,
    wording: wordings.Wording = wordings.USUAL,
    weights: Sequence[int] = EVENLY,
) -> Asked:
    """A question of any kind, with its answer."""
    kinds: list[Callable[[Random, Scene, wordings.Wording], Asked | None]] = [
        _colour, _shape, _where, _how_many, _is_there, _background, _describe, _strange,
    ]  # fmt: skip
    while True:
        asked = rng.choices(kinds, weights)[0](rng, scene, wording)
        if asked is not None:
            return asked


def _colour(rng: Random, scene: Scene, wording: wordings.Wording) -> Asked:
    about = About(None, _shape_in(rng, scene))
    question = rng.choice(wording.colour).format(it=_it(rng, about))
    return Asked(question, _told(scene, about, lambda one: f"the {SHAPES[one.shape]} is "
                                 f"{COLOURS[one.colour]}."))  # fmt: skip


def _shape(rng: Random, scene: Scene, wording: wordings.Wording) -> Asked:
    about = About(_colour_in(rng, scene), None)
    question = rng.choice(wording.shape).format(it=_it(rng, about))
    return Asked(question, _told(scene, about, lambda one: f"the {COLOURS[one.colour]} shape is "
                                 f"{article(SHAPES[one.shape])}."))  # fmt: skip


def _where(rng: Random, scene: Scene, wording: wordings.Wording) -> Asked | None:
    about = _some(rng, scene)
    found = [thing for thing in scene.things if about.fits(thing)]
    if len(found) == 1 and min(abs(c - b) for c in (found[0].x, found[0].y)
                               for b in (1 / 3, 2 / 3)) < UNSURE:  # fmt: skip
        return None
    question = rng.choice(wording.where).format(it=_it(rng, about))
    return Asked(question, _told(scene, about, lambda one: f"the {_name(one)} is {place(one)}."))


def _how_many(rng: Random, scene: Scene, wording: wordings.Wording) -> Asked:
    about = _some(rng, scene)
    question = rng.choice(wording.how_many).format(them=_them(rng, about, many=True))
    return Asked(question, count(scene, about))


def _is_there(rng: Random, scene: Scene, wording: wordings.Wording) -> Asked:
    about = _some(rng, scene)
    question = rng.choice(wording.is_there).format(a=article(_them(rng, about, many=False)))
    said = count(scene, about)
    yes = any(about.fits(thing) for thing in scene.things)
    return Asked(question, f"{'yes' if yes else 'no'}, {said}")


def _background(rng: Random, scene: Scene, wording: wordings.Wording) -> Asked:
    return Asked(rng.choice(wording.background), f"the background is {COLOURS[scene.background]}.")


def _describe(rng: Random, scene: Scene, wording: wordings.Wording) -> Asked | None:
    told = described(scene)
    return None if told is None else Asked(rng.choice(wording.describe), told)


def _strange(rng: Random, _scene: Scene, wording: wordings.Wording) -> Asked:
    return Asked(rng.choice(wording.strange), STRANGE)


def described(scene: Scene) -> str | None:
    """Up to three things by name, from left to right; None where that order is in doubt."""
    ground = f"on {article(COLOURS[scene.background])} background."
    if not scene.things or len(scene.things) > 3:
        return count(scene, About(None, None)).removesuffix(".") + f" {ground}"
    things = sorted(scene.things, key=lambda thing: thing.x)
    if any(b.x - a.x < 2 * UNSURE for a, b in itertools.pairwise(things)):
        return None
    named = [article(_name(thing)) for thing in things]
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f"{listed} {ground}"


def place(thing: Thing) -> str:
    """Which ninth of the picture its centre is in."""
    return PLACES[min(2, int(3 * thing.y))][min(2, int(3 * thing.x))]


def count(scene: Scene, about: About) -> str:
    """How many there are, as a sentence."""
    number = sum(about.fits(thing) for thing in scene.things)
    verb = "is" if number == 1 else "are"
    assert number <= MOST
    return f"there {verb} {NUMBERS[number]} {about.words(many=number != 1)}."


def _told(scene: Scene, about: About, tell: Callable[[Thing], str]) -> str:
    found = [thing for thing in scene.things if about.fits(thing)]
    return tell(found[0]) if len(found) == 1 else count(scene, about)


def _name(thing: Thing) -> str:
    return f"{COLOURS[thing.colour]} {SHAPES[thing.shape]}"


def _some(rng: Random, scene: Scene) -> About:
    kind = rng.random()
    if kind < 0.25:
        return About(None, _shape_in(rng, scene, whatever=0))
    if kind < 0.5:
        return About(_colour_in(rng, scene, whatever=0), None)
    if kind < 0.7:
        return About(None, None)
    if scene.things and rng.random() < 0.8:
        thing = rng.choice(scene.things)
        return About(thing.colour, thing.shape)
    return About(rng.randrange(len(COLOURS)), rng.randrange(len(SHAPES)))


def _shape_in(rng: Random, scene: Scene, whatever: float = 0.25) -> int | None:
    return _one_of(rng, [one.shape for one in scene.things], len(SHAPES), whatever)


def _colour_in(rng: Random, scene: Scene, whatever: float = 0.25) -> int | None:
    return _one_of(rng, [one.colour for one in scene.things], len(COLOURS), whatever)


def _one_of(rng: Random, here: Sequence[int], many: int, whatever: float) -> int | None:
    """Mostly one that can be seen."""
    if rng.random() < whatever:
        return None
    return rng.choice(here) if here and rng.random() < 0.85 else rng.randrange(many)


def _it(rng: Random, about: About) -> str:
    """As a question calls one thing."""
    if about == About(None, None) and rng.random() < 0.5:
        return rng.choice(["it", "this", "that"])
    return f"{rng.choice(['the', 'the', 'the', 'that', 'this'])} {_them(rng, about, many=False)}"


def _them(rng: Random, about: About, *, many: bool) -> str:
    if about.shape is None:
        noun = rng.choice(["shape", "thing", "object", "one", "figure"] if not many else
                          ["shape", "thing", "object", "figure", "item"])  # fmt: skip
    else:
        noun = rng.choice(wordings.SYNONYMS[SHAPES[about.shape]])
    noun = plural(noun) if many else noun
    return noun if about.colour is None else f"{COLOURS[about.colour]} {noun}"
