"""When this machine's wall clock ran ahead of the time that really passed.

A laptop that was shut, a virtual machine that was paused, a clock that was set: replicas on this
machine stood still as long, and none of them could keep its leases. The monotonic clock does not
count such a time (Linux: CLOCK_MONOTONIC, time(7); macOS: mach_absolute_time).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from pilotlight.observability import logs

if TYPE_CHECKING:
    from pilotlight.ports.clock import Clock

NOTICED_S: Final = 5.0
"""Less is not worth a word: a lease has a margin of its own."""


class Jumps:
    """Watches from its making on; one thread."""

    def __init__(self, clock: Clock, *, patience_s: float) -> None:
        """``patience_s``: how long those who slept too are given to keep their leases again."""
        self._clock, self._patience_s = clock, patience_s
        self._ahead = self._measured()
        self._until = float("-inf")

    def _measured(self) -> float:
        return self._clock.now() - self._clock.monotonic()

    def look(self) -> bool:
        """Whether leases that seem to be over may be those of the living."""
        ahead, now = self._measured(), self._clock.monotonic()
        if ahead - self._ahead > NOTICED_S:
            jumped_s = round(ahead - self._ahead, 1)
            logs.event("clock.jumped", level=logging.WARNING, ahead_s=jumped_s)
            self._until = now + self._patience_s
        self._ahead = ahead
        return now < self._until
