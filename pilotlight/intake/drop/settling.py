"""Which files have lain unchanged for long enough to be whole: nobody says when one is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pilotlight.ports.drop import Dropped

MOST_WATCHED: Final = 10_000
"""Versions that are remembered as seen once; others are seen again."""
AGAIN_S: Final = 60.0
"""Until what could not be taken is tried again."""


@dataclass(slots=True)
class Settling:
    """Called from one thread, with what looks show; ``now`` is seconds since the epoch."""

    settle_s: float
    _seen: dict[str, tuple[str, float]] = field(default_factory=dict)
    """By key: version and since when."""
    _met: set[str] = field(default_factory=set)
    """Keys of this listing so far."""

    def __len__(self) -> int:
        return len(self._seen)

    def is_settled(self, one: Dropped, *, now: float) -> bool:
        self._met.add(one.key)
        mark = _mark(one)
        version, since = self._seen.get(one.key, ("", now))
        if version != mark:
            if len(self._seen) >= MOST_WATCHED:
                return False
            self._seen[one.key] = (mark, now)
            return self.settle_s <= 0
        return now - since >= self.settle_s

    def is_over(self, key: str) -> None:
        """It was taken."""
        self._seen.pop(key, None)

    def later(self, one: Dropped, *, now: float) -> None:
        """It could not be taken, and would be no sooner than in a while."""
        self._seen[one.key] = (_mark(one), now + AGAIN_S)

    def listed(self, *, all_of_them: bool) -> None:
        """A listing is over; what it did not show was renamed or deleted before it settled."""
        if all_of_them:
            for key in self._seen.keys() - self._met:
                del self._seen[key]
        self._met.clear()


def _mark(one: Dropped) -> str:
    return f"{one.size} {one.version}"
