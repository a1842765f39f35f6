"""Say in the terminal of ``pilotlight up`` that jobs failed, and where to read why.

The reason itself stays out of the log: what a model says may quote what it was given.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from handlers.upkeep import CALM_S, Chore
from pilotlight.observability.logs import event
from pilotlight.ports.ends import Ends

ADVICE: Final = "pilotlight jobs --status failed"


class Failing:
    """One query a second while jobs change, none while nothing does."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._changed = False
        self.chore = Chore("failures", CALM_S, self._look)

    def changed(self, _job_ids: Sequence[str]) -> None:
        """Some jobs changed. Called on the event loop."""
        self._changed = True

    def _look(self, _now: float) -> None:
        if not self._changed:
            return
        self._changed = False
        for worker, ended in self._ends.fresh().items():
            if ended.failed:
                event(
                    "jobs.failed",
                    level=logging.WARNING,
                    worker=worker,
                    count=ended.failed,
                    advice=ADVICE,
                )
