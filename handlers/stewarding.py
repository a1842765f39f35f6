"""The steward of groups in a thread of its own: what it does may block on files and the network."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Final

from pilotlight.intake.groups.steward import Steward
from pilotlight.observability.logs import failure
from pilotlight.ports.clock import Clock

_GATHER_S: Final = 0.005
"""Ends that come together are one look."""
_SHORTEST_NAP_S: Final = 0.005
_BROKEN_S: Final = 1.0


class Stewarding:
    """Started and stopped once. ``look_s``: longest nap while a group is open, since ends may
    happen where nobody tells us; ``idle_s`` the same while none is known of, None for ever."""

    def __init__(
        self, steward: Steward, clock: Clock, *, look_s: float, idle_s: float | None
    ) -> None:
        self._steward, self._clock = steward, clock
        self._look_s, self._idle_s = look_s, idle_s
        self._over = threading.Event()
        self._planned = False
        self._thread = threading.Thread(target=self._live, name="groups", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def kick_soon(self, job_ids: Sequence[str]) -> None:  # noqa: ARG002 - the rows say which are due
        """Some jobs changed. Called on the event loop; free while no group is open."""
        if self._steward.busy and not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_later(_GATHER_S, self._kick)

    def _kick(self) -> None:
        self._planned = False
        self._steward.kick()

    def stop(self, patience_s: float) -> None:
        """What is under way may be left anywhere: the next start goes on from the rows."""
        self._over.set()
        self._steward.lit.set()
        if self._thread.is_alive():
            self._thread.join(patience_s)

    def _live(self) -> None:
        while not self._over.is_set():
            self._steward.lit.wait(self._step())

    def _step(self) -> float | None:
        """One look, and how long to nap after it."""
        now = self._clock.now()
        try:
            again_at = self._steward(now)
        except Exception:  # noqa: BLE001 - a store that hiccups must not end all groups
            failure("group.steward_failed")
            return _BROKEN_S
        if again_at is None:
            return self._idle_s
        return min(max(again_at - self._clock.now(), _SHORTEST_NAP_S), self._look_s)
