"""The drop folder of this machine, watched by a thread that begins when there is such a folder."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from handlers.upkeep import CALM_S, Chore
from pilotlight.intake.drop.watching import LOOK_S, Drops
from pilotlight.observability.logs import failure

_GATHER_S: Final = 0.02
"""Ends that come together are one step."""


class Dropping:
    """Started by upkeep's own wake-up, which asks once a second whether the folder is there."""

    def __init__(self, drops: Drops | None) -> None:
        self._drops = drops
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def chores(self) -> tuple[Chore, ...]:
        return () if self._drops is None else (Chore("drop", CALM_S, self._begin),)

    def changed(self, job_ids: Sequence[str]) -> None:
        if self._thread is not None and self._drops is not None:
            self._drops.changed(job_ids)

    def stop(self, patience_s: float) -> None:
        """What is under way may be left anywhere: the next start goes on from the rows."""
        self._over.set()
        if self._thread is not None and self._drops is not None:
            self._drops.lit.set()
            self._thread.join(patience_s)

    def _begin(self, _now: float) -> None:
        if self._thread is None and self._drops is not None and self._drops.folder.is_there():
            self._thread = threading.Thread(target=self._live, args=(self._drops,), name="drop")
            self._thread.daemon = True
            self._thread.start()

    def _live(self, drops: Drops) -> None:
        while not self._over.is_set():
            try:
                wait_s = drops.step()
            except Exception:  # noqa: BLE001 - a store or a disk that hiccups must not end the watch
                failure("drop.failed")
                wait_s = LOOK_S
            if drops.lit.wait(wait_s):
                self._over.wait(_GATHER_S)
