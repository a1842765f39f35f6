"""Times the stages of a load in the process that loads."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import events
from pilotlight.contracts.stages import UNSAID, listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pilotlight.contracts.events import Event

_PROGRESS_EVERY_S: Final = 0.5
"""Each word becomes a write to the replica's row."""


class Stages:
    """``took`` has seconds by stage; what an inner stage took is not counted for the outer one."""

    def __init__(
        self, send: Callable[[Event], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send, self._clock = send, clock
        self._names = [UNSAID]
        self._since = clock()
        self._told_at = float("-inf")
        self.took: dict[str, float] = {}

    @contextmanager
    def listen(self) -> Iterator[None]:
        """Stages that this thread enters from now on are these."""
        token = listening.set(self)
        try:
            yield
        finally:
            listening.reset(token)
            self._charge()

    def _charge(self) -> None:
        now = self._clock()
        name = self._names[-1]
        self.took[name] = self.took.get(name, 0.0) + now - self._since
        self._since = now

    def enter(self, name: str) -> None:
        self._charge()
        self._names.append(name)
        self._told_at = float("-inf")
        self._send(events.Loading(name))

    def leave(self) -> None:
        self._charge()
        self._names.pop()
        if self._names[-1] != UNSAID:
            self._send(events.Loading(self._names[-1]))

    def progress(self, fraction: float) -> None:
        """The end is always told, the rest twice a second at most."""
        now = self._clock()
        if fraction < 1 and now - self._told_at < _PROGRESS_EVERY_S:
            return
        self._told_at = now
        self._send(events.Loading(self._names[-1], round(fraction, 4)))
