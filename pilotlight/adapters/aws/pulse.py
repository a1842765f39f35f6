"""Whether a consumer still listens: how long a poll that is wanted has not come back.

A poll that failed counts as one that came back: while SQS is down a replica is better left alone
than started anew. What must not be overlooked is one that lives on without asking at all.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pilotlight.observability import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilotlight.ports.clock import Clock


class Pulse:
    """``on_death`` is called once, by whoever looks, when the silence is too long."""

    def __init__(self, clock: Clock, *, patience_s: float) -> None:
        self._clock, self._patience_s = clock, patience_s
        self._since = clock.monotonic()
        self._wanted = False
        self.on_death: Callable[[], None] = lambda: None
        self.dead = False

    def beat(self) -> None:
        """A poll came back, whatever it brought."""
        self._since = self._clock.monotonic()

    def wanted(self, wanted: bool) -> None:  # noqa: FBT001 - the name says it
        """Whether polls are wanted now; silence counts only while they are."""
        if wanted and not self._wanted:
            self._since = self._clock.monotonic()
        self._wanted = wanted

    @property
    def silence_s(self) -> float:
        """Seconds since the last poll came back, or since one was wanted; 0 while none is."""
        return self._clock.monotonic() - self._since if self._wanted else 0.0

    def look(self) -> None:
        """End it when the silence is too long."""
        if self.silence_s > self._patience_s:
            self.die()

    def die(self) -> None:
        if not self.dead:
            self.dead = True
            logs.event("queue.deaf", level=logging.ERROR, silence_s=round(self.silence_s, 1))
            self.on_death()
