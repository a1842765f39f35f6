"""The stock of phrases that captions are put together from.

`{o}` and `{p}` stand for the first and the second thing, `{g}` for a phrase from GROUNDS, `{w}` for
one from SIDE_PHRASES, `{a}` for "a blue background" and `{name}` for its colour alone.
"""

from training.shapes.vocabulary import LARGE_WORDS, SMALL_WORDS

SIZE_WORDS = {"small": SMALL_WORDS, "large": LARGE_WORDS}
SIDE_PHRASES = {
    "left": ["on the left", "at the left", "on the left side", "to the left"],
    "right": ["on the right", "at the right", "on the right side", "to the right"],
    "top": ["at the top", "on the top", "on top", "near the top"],
    "bottom": ["at the bottom", "on the bottom", "near the bottom"],
}
GROUNDS = [
    *["on {a}"] * 4,
    *["on {name}"] * 2,
    "with {a}",
    "against {a}",
    "over {a}",
    "in front of {a}",
    "on a plain {name} background",
    "on a background of {name}",
    ", {name} background",
    ", {a}",
    ", the background is {name}",
    ", background in {name}",
    "with the background in {name}",
    ", on the {name} background",
    ", background: {name}",
]
LONE = [
    *["{o} {g}"] * 7,
    "{a} with {o}",
    "{a}, {o}",
    "on {a}, {o}",
    "{a} and {o}",
    "{name} background: {o}",
]
LONE_ASIDE = [
    "{o} {w} {g}",
    "{o} {w} {g}",
    "{o} {w} of {a}",
    "{o} {g}, {w}",
    "{w} {o} {g}",
    "{w}, {o} {g}",
]
ROW = [
    *["{o} and {p} {g}"] * 6,
    "{o} next to {p} {g}",
    "{o} beside {p} {g}",
    "{o} to the left of {p} {g}",
    "{o} left of {p} {g}",
    "{o} plus {p} {g}",
    "{o} with {p} {g}",
    "{o} as well as {p} {g}",
    "{o} on the left and {p} on the right {g}",
    "{o} left, {p} right {g}",
    "{o}, {p} {g}",
    "{p} to the right of {o} {g}",
    "{p} right of {o} {g}",
    "{p} on the right and {o} on the left {g}",
    "{a} with {o} and {p}",
    "two things {g}: {o} and {p}",
]
COLUMN = [
    "{o} above {p} {g}",
    "{o} over {p} {g}",
    "{o} on top of {p} {g}",
    "{o} at the top and {p} at the bottom {g}",
    "{p} below {o} {g}",
    "{p} under {o} {g}",
    "{a} with {o} above {p}",
]
MARKS = ["", "", "", ", ", ": ", "- ", "; ", ". "]
OPENINGS = [
    *["draw", "paint", "make", "show", "create", "please draw", "generate", "show me", "give me"],
    *["i want", "a picture of", "an image of", "a photo of", "a drawing of", "picture of"],
    *["draw me", "this is", "here is", "imagine", "render", "we see", "let us have", "get me"],
]
