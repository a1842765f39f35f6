"""Sides and lengths in the words of the contracts, as a model can make them. Pure.

Sides are rounded down to what the model's patches need: 720 lines are 704 where both sides have to
be multiples of 32.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pilotlight import InvalidInput, Problem
from workers.engines.diffusers.declared import MEGAPIXEL

if TYPE_CHECKING:
    from workers.engines.diffusers.declared import Size, Way

NAMED: Final[dict[str, Size]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
"""fal's names, in pixels (https://docs.fal.ai)."""
_FILMS: Final[dict[tuple[str, str], Size]] = {
    ("480p", "16:9"): (832, 480),
    ("480p", "9:16"): (480, 832),
    ("480p", "1:1"): (624, 624),
    ("720p", "16:9"): (1280, 720),
    ("720p", "9:16"): (720, 1280),
    ("720p", "1:1"): (960, 960),
}
"""As Wan's makers name them (https://github.com/Wan-Video/Wan2.2, ``SIZE_CONFIGS``)."""
_MOST_OF_ONES_OWN: Final = 2 * MEGAPIXEL
"""A picture is changed at its own size up to here."""


def sides(asked: Any, way: Way, *, field: str) -> Size:
    """Of ``image_size``: a name, ``1024x768``, an object with both sides, or nothing.

    Raises InvalidInput that names ``field`` for more pixels than the model makes well.
    """
    if asked is None or asked == "auto":
        width, height = way.size
    elif isinstance(asked, str):
        width, height = NAMED.get(asked) or _written(asked)
    else:
        width, height = asked.width, asked.height
    if width * height > way.most_megapixels * MEGAPIXEL:
        raise wrong(
            field,
            f"{width} x {height} is more than the {way.most_megapixels:g} million pixels this "
            "model makes",
        )
    return _fitted(width, height, way.multiple)


def _written(asked: str) -> Size:
    width, _, height = asked.partition("x")
    return int(width), int(height)


def of_film(resolution: str | None, ratio: str | None, way: Way) -> Size:
    """Of ``resolution`` and ``aspect_ratio``, each of which may be left out.

    A resolution such as ``768x512`` says both.
    """
    if resolution is not None and "x" in resolution:
        return _fitted(*_written(resolution), way.multiple)
    if resolution is None and ratio is None:
        return _fitted(*way.size, way.multiple)
    own = "720p" if min(way.size) >= _FILMS["720p", "16:9"][1] - way.multiple else "480p"
    return _fitted(*_FILMS[resolution or own, ratio or "16:9"], way.multiple)


def of_edit(mode: str | None, picture: Size, way: Way) -> Size:
    """What comes out of a changed picture: a ratio such as ``16:9``, its own size, or what suits.

    ``None`` and ``match_input`` keep the size up to two million pixels; ``auto`` keeps the ratio.
    Raises InvalidInput for a picture so narrow that nothing of its shape can be made.
    """
    width, height = picture
    area = float(way.size[0] * way.size[1])
    if mode in {None, "match_input"}:
        area = min(float(width * height), _MOST_OF_ONES_OWN)
    elif mode != "auto":
        width, height = (int(part) for part in str(mode).split(":"))
    scale = math.sqrt(area / (width * height))
    sides = _fitted(round(width * scale), round(height * scale), way.multiple)
    if sides[0] * sides[1] > way.most_megapixels * MEGAPIXEL:  # the short one was made longer
        raise wrong("image_url", f"is {picture[0]} x {picture[1]}, too narrow for this model")
    return sides


def frames(asked: int | None, way: Way) -> int:
    """As many as the model can make, not more than asked for. Raises InvalidInput."""
    count = way.frames if asked is None else asked
    most = way.most_frames or way.frames
    if count > most:
        raise wrong("num_frames", f"{count} is more than the {most} frames this model makes")
    return (count - 1) // way.frames_step * way.frames_step + 1


def _fitted(width: int, height: int, multiple: int) -> Size:
    return max(multiple, width // multiple * multiple), max(multiple, height // multiple * multiple)


def wrong(field: str, words: str) -> InvalidInput:
    return InvalidInput(f"{field} {words}", Problem(("body", field), words, "value_error"))
