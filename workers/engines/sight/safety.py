"""Looks at results before they are returned: ``enable_safety_checker`` of every picture and film.

The judge is Yahoo's open_nsfw (:mod:`workers.engines.sight.open_nsfw`), loaded when it is first needed.
Where it cannot be had nobody is told that a picture is fit: the answer is "not looked at".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pilotlight import WeightsMissing
from workers.engines.sight.open_nsfw import OpenNsfw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL.Image import Image

FLAG_AT: Final = 0.8
"""From here on a picture is most likely unfit (https://github.com/yahoo/open_nsfw, README)."""
FRAMES: Final = 8
"""Of a long film, evenly spread, that are looked at."""
EVERY: Final = 8
"""Of a short one one in so many, and always its first and its last."""


@dataclass
class Safety:
    """One judge for all jobs of a process; safe in several threads."""

    _judge: OpenNsfw | None = None
    _lacking: str = ""

    def unfit(
        self, pictures: Sequence[Image], *, asked: bool, log: Callable[[str], None]
    ) -> list[bool] | None:
        """For each picture; None where they were not looked at, and then the log says why."""
        if not asked:
            return None
        judge = self._ready()
        if judge is None:
            log(f"enable_safety_checker: nothing was looked at, {self._lacking}")
            return None
        return [judge.score(one) >= FLAG_AT for one in pictures]

    def shown(self, unfinished: Image, *, asked: bool) -> Image:
        """What a follower sees before a picture is done; the log tells of the finished one alone."""
        found = self.unfit([unfinished], asked=asked, log=lambda _words: None)
        return covered([unfinished], found)[0]

    def unfit_film(
        self, frames: Any, *, asked: bool, log: Callable[[str], None]
    ) -> list[bool] | None:
        """Of ``frames``, bytes of shape (n, height, width, 3): one answer for the film."""
        from PIL import Image as Pictures

        places = looked_at(len(frames)) if asked else []
        shown = [Pictures.fromarray(frames[place]) for place in places]
        found = self.unfit(shown, asked=asked, log=log)
        return None if found is None else [any(found)]

    def _ready(self) -> OpenNsfw | None:
        if self._judge is None and not self._lacking:
            try:
                self._judge = OpenNsfw()
            except WeightsMissing as error:
                self._lacking = str(error)
            except ImportError:
                self._lacking = "onnxruntime is not installed; `pip install '.[starters]'` has it"
        return self._judge


def looked_at(count: int) -> list[int]:
    """Which of a film's ``count`` frames, in order: first and last, and between them one in
    :data:`EVERY`; :data:`FRAMES` at most."""
    gaps = max(1, min(FRAMES - 1, -(-(count - 1) // EVERY)))
    return sorted({number * (count - 1) // gaps for number in range(gaps + 1)})


def covered(pictures: Sequence[Image], unfit: Sequence[bool] | None) -> list[Image]:
    """Black where a picture is unfit, as fal returns it."""
    from PIL import Image as Pictures

    if not unfit:
        return list(pictures)
    return [
        Pictures.new("RGB", one.size) if bad else one
        for one, bad in zip(pictures, unfit, strict=True)
    ]
