"""How long something takes, remembered in bounded space: counts in bins of equal ratio."""

from __future__ import annotations

import math
from typing import Final

LEAST_S: Final = 0.001
RATIO: Final = 1.15
"""Of one bin's edge to the one before: a quantile is right to 7 %."""
BINS: Final = 140
"""Reaches from a millisecond to three days."""
MOST: Final = 1000
"""At so many values every count is halved: what is old fades, what is new weighs."""
_LOG_RATIO: Final = math.log(RATIO)


class Sketch:
    """Lengths in seconds. Never larger than ``BINS`` counts, whatever was added."""

    __slots__ = ("_counts", "_total", "count")

    def __init__(self) -> None:
        self._counts = [0.0] * BINS
        self._total = 0.0
        self.count = 0.0
        """Values that still weigh."""

    def add(self, seconds: float) -> None:
        """Negative ones, from a clock that was set back, count as nothing."""
        seconds = max(0.0, seconds)
        if self.count >= MOST:
            self._counts = [count / 2 for count in self._counts]
            self._total /= 2
            self.count /= 2
        self._counts[_bin(seconds)] += 1
        self._total += seconds
        self.count += 1

    @property
    def mean_s(self) -> float | None:
        return self._total / self.count if self.count else None

    def quantile_s(self, share: float) -> float | None:
        """The value that this share of all lies at or below; None before the first."""
        left = share * self.count
        for number, count in enumerate(self._counts):
            left -= count
            if count and left <= 0:
                return _middle_s(number)
        return None

    def histogram(self) -> list[tuple[float, float]]:
        """Upper edges in seconds, each with the values below it and above the edge before."""
        return [
            (LEAST_S * math.pow(RATIO, number + 1), count)
            for number, count in enumerate(self._counts)
            if count
        ]

    def left_s(self, passed_s: float) -> float | None:
        """How much longer one takes on average that has taken so long already.

        Past everything that was seen: as long again as has passed, for all that is known.
        """
        if passed_s <= 0 or not self.count:
            return self.mean_s
        above = beyond = 0.0
        for number in range(_bin(passed_s) + 1, BINS):
            count = self._counts[number]
            if count:
                above += count
                beyond += count * (_middle_s(number) - passed_s)
        return beyond / above if above else passed_s

    def dump(self) -> dict[str, float]:
        """Only what is not empty, as JSON holds it."""
        bins = {str(number): count for number, count in enumerate(self._counts) if count}
        return {**bins, "total": self._total}

    @classmethod
    def read(cls, dumped: dict[str, float]) -> Sketch:
        made = cls()
        for name, count in dumped.items():
            if name == "total":
                made._total = count
            else:
                made._counts[int(name)] = count
                made.count += count
        return made


def _bin(seconds: float) -> int:
    if seconds <= LEAST_S:
        return 0
    return min(int(math.log(seconds / LEAST_S) / _LOG_RATIO), BINS - 1)


def _middle_s(number: int) -> float:
    return LEAST_S * math.pow(RATIO, number + 0.5)
