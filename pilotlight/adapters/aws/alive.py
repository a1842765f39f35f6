"""A file that a container's health check can look at: touched with every word of the replica.

Touched before the word is sent, so that a store that does not answer is no reason to end every
replica: what the file proves is that the replica's loop turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.ports.fleet import LoadStep, Roster, Stage

NAME: Final = "alive"


class Alive:
    """A roster with such a file in ``folder``."""

    def __init__(self, roster: Roster, folder: Path) -> None:
        self._roster, self._file = roster, folder / NAME
        folder.mkdir(parents=True, exist_ok=True)

    def report(self, replica_id: str, stage: Stage, *, now: float, error: str = "") -> None:
        self._file.touch()
        self._roster.report(replica_id, stage, now=now, error=error)

    def stepped(self, replica_id: str, step: LoadStep, *, now: float) -> None:
        self._roster.stepped(replica_id, step, now=now)

    def seen(self, replica_id: str, *, now: float) -> bool:
        self._file.touch()
        return self._roster.seen(replica_id, now=now)

    def may_lease(self, replica_id: str, *, now: float, leases: int = 1) -> bool:
        return self._roster.may_lease(replica_id, now=now, leases=leases)
