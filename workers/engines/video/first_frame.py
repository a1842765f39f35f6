"""From the sentence of a film to its first picture, for a cascade of two models.

A picture cannot show a motion, and a model of pictures reads the words for one as something to
draw: so they are taken out. What it then draws in the middle is framed so that there is room for the
motion, as a camera would be moved: from further away, and to the side. Which words there are is what
``workers/starters/shapes-video`` was taught, and little more; so are the sizes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

_MOVING: Final = r"(?:moves?|moving|goes|going|slides?|sliding)"
_WAYS: Final = {
    "right": r"right(?:wards?)?",
    "left": r"left(?:wards?)?",
    "up": r"up(?:wards?)?",
    "down": r"down(?:wards?)?",
}
_IS: Final = r"(?:(?:that|which|and|it)\s+)?(?:(?:is|are)\s+)?"
_PHRASES: Final = {
    way: re.compile(rf"\b{_IS}{_MOVING}\s+(?:to(?:wards?)?\s+)?(?:the\s+)?{words}\b(?:\s+side\b)?",
                    re.IGNORECASE)
    for way, words in _WAYS.items()
} | {
    "growing": re.compile(rf"\b{_IS}(?:grows?|growing)(?:\s+(?:bigger|larger))?\b", re.IGNORECASE),
    "shrinking": re.compile(rf"\b{_IS}(?:shrinks?|shrinking)(?:\s+smaller)?\b", re.IGNORECASE),
    "still": re.compile(
        rf"\b{_IS}(?:(?:stays?|staying|stands?|standing)\s+still|still|(?:does\s+)?not\s+mov(?:e|ing))\b",
        re.IGNORECASE,
    ),
}  # fmt: skip
_FILM: Final = re.compile(r"\b(?:a\s+)?(?:video|clip|film)\s+of\s+", re.IGNORECASE)
_PLACED: Final = re.compile(
    r"\b(?:(?:on|at|near|to)\s+(?:the\s+)?(?:left|right|top|bottom)"
    r"|small|tiny|little|large|big|huge)\b",
    re.IGNORECASE,
)


class Framing(NamedTuple):
    """How the picture is looked at."""

    scale: float = 1.0
    """Of what it shows; above 1 it is looked at from nearer."""
    right: float = 0.0
    down: float = 0.0
    """Where its middle goes, in sides of the new picture."""


_HALF_WAY: Final = 11 / 64
"""Of the distance that a film moves things by."""
_FRAMINGS: Final = {
    "right": Framing(0.95, right=-_HALF_WAY),
    "left": Framing(0.95, right=_HALF_WAY),
    "up": Framing(0.95, down=_HALF_WAY),
    "down": Framing(0.95, down=-_HALF_WAY),
    "growing": Framing(0.65),
    "shrinking": Framing(1.15),
}
"""A thing in the middle has a radius of 0.29 sides: this brings it to where films begin."""


def motion_in(prompt: str) -> str | None:
    """Which motion the sentence names first: a direction, growing, shrinking or still."""
    found = {name: phrase.search(prompt) for name, phrase in _PHRASES.items()}
    starts = {name: match.start() for name, match in found.items() if match}
    return min(starts, key=lambda name: starts[name], default=None)


def still_words(prompt: str) -> str:
    """What to draw for ``prompt``: the sentence without its motion."""
    motion = motion_in(prompt)
    rest = _PHRASES[motion].sub("", prompt) if motion else prompt
    return _tidy(_FILM.sub("", rest))


def framing(prompt: str) -> Framing:
    """With room for the motion; a side or a size that the sentence names itself stays."""
    if _PLACED.search(still_words(prompt)):
        return Framing()
    return _FRAMINGS.get(motion_in(prompt) or "", Framing())


def framed(picture: Image, how: Framing) -> Image:
    """``picture``, square, from further away: what comes into view goes on as its edges end."""
    import numpy as np
    from PIL import Image as Pictures

    side = picture.width
    whole = round(side / how.scale)
    left, top = (round((whole - side) / 2 + whole * moved) for moved in (how.right, how.down))
    rows, columns = (_within(np.arange(whole) - start, side) for start in (top, left))
    return Pictures.fromarray(np.asarray(picture)[rows[:, None], columns])


def _within(places: Any, side: int) -> Any:
    return places.clip(0, side - 1)


def _tidy(text: str) -> str:
    """Without the commas and blanks that were around what is gone."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,.!?])", r"\1", text)
    return re.sub(r",(?=[,.!?]|$)", "", text).strip(" ,")
