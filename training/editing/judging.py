"""Whether an edited picture shows what was asked, and kept the rest: read off its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from training.shapes.drawing import coverage
from training.shapes.reading import Reading, Seen, read

if TYPE_CHECKING:
    from PIL.Image import Image

    from training.editing.changes import Change

NEAR, ALIKE = 0.06, 0.16
"""Most that a centre may be off, of the picture's side, and a size, as a share of itself."""

SPREAD = 3
"""Pixels around the thing that changes which may differ too: its border is drawn anew."""


@dataclass(frozen=True)
class Verdict:
    """``away``: mean difference of 255 from the true picture where nothing was to change."""

    asked: bool
    kept: bool
    away: float


def judge(asked: Change, true: Image, edited: Image) -> Verdict:
    """``true`` is the picture after the change as it would have been drawn."""
    want, got = read(true), read(edited)
    pairs = _matched(want, got)
    subject = _subject(asked, want)
    wished, rest = [], [len(want.things) == len(got.things)]
    if asked.kind == "remove":
        wished, rest = rest, []
    (wished if asked.kind == "ground" else rest).append(want.background == got.background)
    for one, other in pairs:
        facts = _facts(one, other)
        meant = _MEANT.get(asked.kind, ()) if one is subject else ()
        for name, right in facts.items():
            (wished if name in meant else rest).append(right)
    return Verdict(all(wished), all(rest), _away(asked, true, edited))


_MEANT = {
    "colour": ("colour",),
    "shape": ("shape",),
    "both": ("colour", "shape"),
    "bigger": ("extent",),
    "smaller": ("extent",),
}
"""Which facts of the thing that is meant were asked for; the others are to stay."""


def _facts(want: Seen, got: Seen | None) -> dict[str, bool]:
    if got is None:
        return dict.fromkeys(("colour", "shape", "place", "extent"), False)
    return {
        "colour": want.colour == got.colour,
        "shape": want.shape == got.shape,
        "place": np.hypot(want.x - got.x, want.y - got.y) < NEAR,
        "extent": abs(got.extent / want.extent - 1) < ALIKE,
    }


def _matched(want: Reading, got: Reading) -> list[tuple[Seen, Seen | None]]:
    """Each wanted thing with the nearest found one that no other has taken."""
    left, pairs = list(got.things), []
    for one in want.things:
        near = min(left, key=lambda o: (o.x - one.x) ** 2 + (o.y - one.y) ** 2, default=None)
        if near is not None:
            left.remove(near)
        pairs.append((one, near))
    return pairs


def _subject(asked: Change, want: Reading) -> Seen | None:
    if asked.which is None or asked.kind == "remove":
        return None
    meant = asked.after.things[asked.which]
    return min(want.things, key=lambda o: (o.x - meant.x) ** 2 + (o.y - meant.y) ** 2, default=None)


def _away(asked: Change, true: Image, edited: Image) -> float:
    touched = []
    if asked.which is not None:
        touched = [asked.before.things[asked.which]]
        if asked.kind != "remove":
            touched.append(asked.after.things[asked.which])
    still = np.ones(true.size[::-1], bool)
    for mask in coverage(touched)[:, 0].numpy() if touched else ():
        still &= ~ndimage.binary_dilation(mask > 0, iterations=SPREAD)
    pixels = [np.asarray(one.convert("RGB"), float) for one in (true, edited)]
    return float(np.abs(pixels[0] - pixels[1])[still].mean())
