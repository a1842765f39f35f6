"""Captions for scenes: the English that the text encoder learns.

A caption is an object phrase and a background phrase put together by a pattern, then dressed in
openings, stray words, capitals and punctuation that change nothing. The sentences that the model
is examined with (exam.py) use none of these patterns.
"""

from random import Random

from training.shapes.drawing import COLOUR_NAMES, SHAPES, Scene, Thing
from training.shapes.phrases import (
    COLUMN,
    GROUNDS,
    LONE,
    LONE_ASIDE,
    MARKS,
    OPENINGS,
    ROW,
    SIDE_PHRASES,
    SIZE_WORDS,
)
from training.shapes.scenes import BLACK, WHITE, is_column, unsaid_background
from training.shapes.vocabulary import STRAY


def standard(scene: Scene) -> str:
    """The one plain caption of a scene, the same for every scene that looks the same."""
    ground = f"on {_article(COLOUR_NAMES[scene.background] + ' background')}"
    named = [_article(_words(thing, scene.size)) for thing in scene.things]
    if len(named) == 1:
        aside = f" {SIDE_PHRASES[scene.side][0]}" if scene.side else ""
        return f"{named[0]}{aside} {ground}"
    return f"{named[0]} {'above' if is_column(scene) else 'and'} {named[1]} {ground}"


def wider_caption(rng: Random, scene: Scene) -> str:
    """One of many more ways to say the scene than `caption` knows."""
    return rng.choice([caption, strewn_caption])(rng, scene)


def caption(rng: Random, scene: Scene) -> str:
    """One of many ways to say the scene."""
    articles = rng.random() < 0.65
    background = COLOUR_NAMES[scene.background]
    words = {
        "a": _article(f"{background} background") if articles else f"{background} background",
        "name": background,
        "o": _object(rng, scene, scene.things[0], articles),
        "p": _object(rng, scene, scene.things[-1], articles),
        "w": rng.choice(SIDE_PHRASES[scene.side]) if scene.side else "",
    }
    words["g"] = rng.choice(GROUNDS).format(**words)
    pattern = rng.choice(_patterns(scene))
    guessed = scene.background == unsaid_background([thing.colour for thing in scene.things])
    if guessed and "{g}" in pattern and rng.random() < 0.35:
        words["g"] = ""
    text = pattern.format(**words)
    return dress(rng, " ".join(text.split()).replace(" ,", ",").replace(" :", ":").strip(", "))


def strewn_caption(rng: Random, scene: Scene) -> str:
    """The bare facts among words that mean nothing, in either order.

    Whatever the sentence, a colour right before a shape is the thing's, and a colour by itself is
    the background's: no list of patterns teaches that as well as noise between the facts does.
    """
    background = COLOUR_NAMES[scene.background]
    ground = rng.choice([background, background, f"{background} background"])
    parts = [_strewn_things(rng, scene), ground]
    if rng.random() < 0.5:
        parts = [ground, rng.choice(MARKS) + _noise(rng, 1, 4), parts[0]]
    else:
        parts.insert(1, rng.choice(MARKS) + _noise(rng, 0, 4))
    text = " ".join([_noise(rng, 0, 3), *parts, _noise(rng, 0, 3)])
    return _cased(rng, " ".join(text.split()).replace(" ,", ",").replace(" :", ":"))


def _strewn_things(rng: Random, scene: Scene) -> str:
    articles = rng.random() < 0.6
    said = [_object(rng, scene, thing, articles) for thing in scene.things]
    if len(said) == 1:
        return f"{said[0]} {rng.choice(SIDE_PHRASES[scene.side])}" if scene.side else said[0]
    if is_column(scene):
        first, join, second = rng.choice([(0, "above", 1), (1, "below", 0), (1, "under", 0)])
        return f"{said[first]} {join} {said[second]}"
    return f"{said[0]} {rng.choice(['and', '', ',', 'with'])} {_noise(rng, 0, 3)} {said[1]}"


def _noise(rng: Random, fewest: int, most: int) -> str:
    count = rng.randint(fewest, most)
    return " ".join(
        rng.choice(STRAY) if rng.random() < 0.7 else _gibberish(rng) for _ in range(count)
    )


def dress(rng: Random, text: str) -> str:
    """Add what people add without meaning anything by it."""
    if rng.random() < 0.3:
        text = f"{rng.choice(OPENINGS)} {text}"
    if rng.random() < 0.4:
        words = text.split(" ")
        for _ in range(rng.randint(1, 4)):
            place = rng.choice([0, 0, 0, len(words), rng.randint(0, len(words))])
            words.insert(place, rng.choice(STRAY) if rng.random() < 0.6 else _gibberish(rng))
        text = " ".join(words)
    return _cased(rng, text)


def _cased(rng: Random, text: str) -> str:
    kind = rng.random()
    if kind < 0.35:
        text = text[0].upper() + text[1:]
    elif kind < 0.42:
        text = text.upper() if kind < 0.385 else text.title()
    return text + rng.choice([".", ".", "!", "?"]) if rng.random() < 0.25 else text


def _patterns(scene: Scene) -> list[str]:
    if len(scene.things) == 2:
        return COLUMN if is_column(scene) else ROW
    return LONE_ASIDE if scene.side else LONE


def _object(rng: Random, scene: Scene, thing: Thing, articles: bool) -> str:  # noqa: FBT001
    size = rng.choice(SIZE_WORDS[scene.size]) if scene.size else None
    only = len(scene.things) == 1
    contrast = BLACK if scene.background != BLACK else WHITE
    if only and thing.colour == contrast and rng.random() < 0.2:
        text = f"{size} {SHAPES[thing.shape]}" if size else SHAPES[thing.shape]
    elif rng.random() < 0.06:
        shape = f"{size} {SHAPES[thing.shape]}" if size else SHAPES[thing.shape]
        text = f"{shape} in {COLOUR_NAMES[thing.colour]}"
    elif size and rng.random() < 0.1:
        text = f"{COLOUR_NAMES[thing.colour]} {size} {SHAPES[thing.shape]}"
    else:
        text = _words(thing, size)
    return _article(text) if articles else text


def _words(thing: Thing, size: str | None) -> str:
    return " ".join(filter(None, [size, COLOUR_NAMES[thing.colour], SHAPES[thing.shape]]))


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _gibberish(rng: Random) -> str:
    """A word no vocabulary holds; both tokenizers spell it letter by letter."""
    return "".join(rng.choice("eeetaoinshrdlucmfwypvbgkjqxz") for _ in range(rng.randint(2, 7)))
