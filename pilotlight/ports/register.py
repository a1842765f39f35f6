"""The replicas' rows, as whoever supervises them sees them. The replica's own side is Roster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from pilotlight.ports.fleet import ColdStart, Replica, Stage

RECENT_S: Final = 300
"""How long a replica that ended is still shown."""
FAILURES_S: Final = 3600
"""Failures since the last success are shown for an hour: twelve times the longest backoff."""
KEPT_COLD_STARTS: Final = 20


@dataclass(frozen=True, slots=True)
class Fate:
    """How a replica ended: its row's last stage and error."""

    worker: str
    stage: Stage
    error: str | None


@dataclass(frozen=True, slots=True)
class Open:
    """A row that nobody closed, with the process it was."""

    id: str
    pid: int | None
    pid_started: float | None


class Register(Protocol):
    """Rows of replicas. A supervisor closes those of its own machine and no others."""

    def recent(self, *, now: float) -> list[Replica]:
        """Live ones, those that ended in the last minutes, and failures since the last success."""
        ...

    def cold_starts(self, worker: str, *, limit: int) -> list[ColdStart]:
        """The newest successful ones."""
        ...

    def add(self, replica_id: str, worker: str, *, slots: int, now: float) -> None: ...

    def runs_as(self, replica_id: str, pid: int, started: float | None) -> None: ...

    def retire(self, replica_id: str) -> bool:
        """Let one go that lives and holds no job; whether it does."""
        ...

    def drains(self, replica_id: str) -> bool:
        """Whether it lived, and from now on leases nothing more."""
        ...

    def end(self, replica_id: str, words: str, *, clean: bool, now: float) -> Fate:
        """Close the row. ``clean``: the process ended without an error."""
        ...

    def open_rows(self) -> list[Open]:
        """Of this machine."""
        ...

    def silent(self, *, since: float) -> list[str]:
        """Those of this machine that spoke once, are not over, and were not heard of since.

        Raises where nothing could be written either: their silence then means nothing.
        """
        ...

    def forget(self, *, ended_before: float) -> int:
        """Delete old rows but the newest cold starts of each worker; how many."""
        ...


def fate(
    worker: str, stage: Stage, words: str, said: str | None, *, clean: bool, was_used: bool
) -> Fate:
    """``failed`` is for one that served nobody and was not asked to go: the policy backs off.

    A replica that had taken jobs and then died is only ``gone``: the next may do better at once.
    """
    if stage in ("draining", "gone") or (clean and stage == "ready"):
        return Fate(worker, "gone", said)
    if stage == "ready":
        return Fate(worker, "gone" if was_used else "failed", said or words)
    return Fate(worker, "failed", said or f"{words} before it was ready")
