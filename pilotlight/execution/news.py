"""What the followers of jobs are told, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from pilotlight.ports.feed import Announcer

BEGUN_S: Final = 0.005
"""That a job began is told with its next change, or after this: a quick one makes one piece of
news, and its followers look at it once."""


class News:
    """Each piece is a hint: one that is lost in a failure is found by the followers' sweep."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer
        self._jobs: set[str] = set()
        self.due_at = float("inf")

    def add(self, changed: AbstractSet[str], *, begun: AbstractSet[str], now: float) -> None:
        """``begun``: those of the changed that were leased and nothing else."""
        self._jobs |= changed
        if changed - begun:
            self.due_at = now
        elif changed:
            self.due_at = min(self.due_at, now + BEGUN_S)

    def tell(self, now: float) -> None:
        """Tell what is due; raises what the announcer raises, and that news is gone then."""
        if now >= self.due_at:
            jobs, self._jobs, self.due_at = self._jobs, set(), float("inf")
            self._announcer.changed(list(jobs))
