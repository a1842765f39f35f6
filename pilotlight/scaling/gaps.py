"""How long a replica of one rank idles between two jobs, and how long it should be kept for it.

The rank-k replica has nothing to do while fewer than k are needed. With the most recently idle one
served first, each rank is a ski rental of its own (Lu and Chen, arXiv 1112.0442).
"""

from __future__ import annotations

import bisect
from collections import deque
from typing import Final

MOST: Final = 300
"""Newest gaps that count: reliability section 5.5, item 3."""
ENOUGH: Final = 8
"""With fewer the ski rental's own bound is used instead."""
REGULAR: Final = 20
"""As many of the newest must be alike before a timer is believed in."""
_MARGIN: Final = 1.02
"""A replica that is kept for a gap of this length must still be there when it ends."""


class Gaps:
    """The newest gaps of one rank, in seconds."""

    __slots__ = ("_answer", "_news", "_ordered", "_values")

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=MOST)
        self._ordered: list[float] = []
        self._news = 0
        self._answer: tuple[float, float] | None = None
        """Price and length of the last answer: good until enough is new."""

    def __len__(self) -> int:
        return len(self._values)

    def add(self, gap_s: float) -> None:
        gap_s = max(0.0, gap_s)  # a clock may be set back
        if len(self._values) == MOST:
            del self._ordered[bisect.bisect_left(self._ordered, self._values[0])]
        self._values.append(gap_s)
        bisect.insort(self._ordered, gap_s)
        self._news += 1

    def best_s(self, price: float) -> float:
        """The length T with the least E[min(gap, T)] + price x P(gap > T).

        ``price`` is what a replica that left too early costs, in GPU-seconds.
        """
        stale = self._news > len(self._values) // 16
        if self._answer is None or stale or abs(self._answer[0] - price) > 0.02 * price:
            self._answer = (price, self._search(price))
            self._news = 0
        return self._answer[1]

    def _search(self, price: float) -> float:
        ordered = self._ordered
        left, kept, best_s = len(ordered), 0.0, 0.0
        least = price * left
        for gap_s in ordered:
            left -= 1
            kept += gap_s
            cost = kept + left * (gap_s + price)
            if cost < least:
                least, best_s = cost, gap_s
        return best_s * _MARGIN

    def regular(self) -> tuple[float, float] | None:
        """Fifth and ninety-fifth percentile of the newest; None before there are enough."""
        if len(self._values) < REGULAR:
            return None
        newest = sorted(list(self._values)[-REGULAR:])
        return newest[1], newest[-2]

    def dump(self) -> list[float]:
        return [round(value, 3) for value in self._values]

    @classmethod
    def read(cls, dumped: list[float]) -> Gaps:
        made = cls()
        for value in dumped[-MOST:]:
            made.add(value)
        return made
