"""Hours of the week in which replicas are kept ready, because somebody says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pilotlight.ports.learned import Warmth

_DAY_S: Final = 86400
_THURSDAY: Final = 3
"""The epoch's weekday, Monday being 0."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds of the day, UTC. One that ends before it begins goes on past midnight."""

    days: frozenset[int]
    """Of the beginning; Monday is 0."""
    begins_s: int
    ends_s: int
    replicas: int

    @property
    def _length_s(self) -> int:
        return (self.ends_s - self.begins_s) % _DAY_S or _DAY_S

    def open_until(self, now: float) -> float | None:
        """When the window that is open now closes; None when it is shut."""
        for back in (0, 1):
            begin = self._begin(now, -back)
            if begin is not None and begin <= now < begin + self._length_s:
                return begin + self._length_s
        return None

    def opens_next(self, now: float) -> float | None:
        begins = (self._begin(now, ahead) for ahead in range(8))
        return min((begin for begin in begins if begin is not None and begin > now), default=None)

    def _begin(self, now: float, ahead: int) -> float | None:
        day = int(now // _DAY_S) + ahead
        if (day + _THURSDAY) % 7 not in self.days:
            return None
        return float(day * _DAY_S + self.begins_s)


def asked_for(
    windows: tuple[Window, ...], warm: Warmth | None, now: float
) -> tuple[int, float | None, str]:
    """How many replicas are asked for now, when that may change next, and who asked."""
    count, changes, who = 0, [], ""
    for window in windows:
        closes_at, opens_at = window.open_until(now), window.opens_next(now)
        changes += [at for at in (closes_at, opens_at) if at is not None]
        if closes_at is not None and window.replicas > count:
            count, who = window.replicas, "the schedule"
    if warm is not None and now < warm.until:
        changes.append(warm.until)
        if warm.replicas > count:
            count, who = warm.replicas, "`pilotlight warm`"
    return count, min(changes, default=None), who
