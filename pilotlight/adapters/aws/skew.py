"""How far this machine's clock is off AWS's, which says the time in every answer.

Leases, deadlines and retries are moments that other machines compare with their own clocks
(reliability, section 2.4: off by more than a second is told, by more than five leases nothing).
"""

from __future__ import annotations

import logging
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from pilotlight.observability import logs

if TYPE_CHECKING:
    from pilotlight.ports.clock import Clock

TOLD_FROM_S: Final = 1.0
REFUSED_FROM_S: Final = 5.0
_LOOK_EVERY_S: Final = 5.0
_TELL_EVERY_S: Final = 60.0
_STEP_S: Final = 1.0
"""A Date header is cut to whole seconds (RFC 9110, section 5.6.7)."""


class Skew:
    """For any thread: what two write at once are two looks at the same clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked_at = self._told_at = float("-inf")
        self.off_s = 0.0
        """At least so many seconds ahead; negative when behind. What the request's own length
        and the header's whole seconds explain is not counted."""

    def heard(self, date: str | None, *, asked_at: float) -> None:
        """An answer with this ``Date`` header came to a request that left at ``asked_at``."""
        moment = self._clock.monotonic()
        if date is None or moment < self._looked_at + _LOOK_EVERY_S:
            return
        self._looked_at = moment
        try:
            theirs = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        ahead, behind = asked_at - (theirs + _STEP_S), theirs - self._clock.now()
        self.off_s = ahead if ahead > 0 else -behind if behind > 0 else 0.0
        if abs(self.off_s) > TOLD_FROM_S and moment >= self._told_at + _TELL_EVERY_S:
            self._told_at = moment
            logs.event(
                "clock.off",
                level=logging.ERROR,
                off_s=round(self.off_s, 1),
                leases=self.is_bearable,
                fix="let NTP set this machine's clock",
            )

    @property
    def is_bearable(self) -> bool:
        """Whether what this machine writes as a moment means the same to others."""
        return abs(self.off_s) <= REFUSED_FROM_S
