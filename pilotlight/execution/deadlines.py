"""When something is late: the arithmetic of leases, beats and run times, without any clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pilotlight.settings import LeaseSettings

SHORT_JOB_S: Final = 30
"""Jobs expected to take less get half the lease and half the beat (reliability, section 2.4)."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    lease_s: float
    beat_s: float


def lease_times(settings: LeaseSettings, *, expected_s: float) -> LeaseTimes:
    """A short job's death is noticed sooner; a long one's row is written less often."""
    if expected_s < SHORT_JOB_S:
        return LeaseTimes(settings.lease_s / 2, settings.beat_s / 2)
    return LeaseTimes(settings.lease_s, settings.beat_s)


@dataclass(slots=True)
class RunTimes:
    """Running median of the newest run times, in seconds: asked for more often than added to."""

    _newest: deque[float] = field(default_factory=lambda: deque(maxlen=31))
    _median: float | None = None

    def add(self, run_s: float) -> None:
        self._newest.append(run_s)
        self._median = sorted(self._newest)[len(self._newest) // 2]

    def expected(self) -> float | None:
        """None until one run is known."""
        return self._median


def fits(*, elapsed_s: float, expected_s: float | None, left_s: float) -> bool:
    """Whether a running job should be waited for while the replica drains.

    A fifth of the time that is left is kept to hand back whatever did not make it. A job of
    unknown length, or one that outran the median, is waited for.
    """
    if left_s <= 0:
        return False
    if expected_s is None or elapsed_s >= expected_s:
        return True
    return expected_s - elapsed_s <= 0.8 * left_s
