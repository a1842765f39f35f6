"""What the scaler learned, where the next process finds it, and what it learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job that succeeded. Times are seconds since the epoch."""

    seq: int
    """Rises with the end of attempts."""
    worker: str
    created_at: float
    started_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Warmth:
    """So many replicas are kept ready until then, because an operator said so."""

    replicas: int
    until: float


class Learned(Protocol):
    """Small texts by worker; a lost one costs some learning and nothing else."""

    def finished(self, *, after: int | None, limit: int = 500) -> list[Finished]:
        """In the order of their ends, those after ``after``.

        None: those among the newest ``limit`` attempts.
        """
        ...

    def read(self) -> dict[str, str]:
        """Worker to what was written last."""
        ...

    def write(self, texts: Mapping[str, str]) -> None: ...

    def warm(self, worker: str, warmth: Warmth) -> None:
        """Holds until its time is over, or until the next one for this worker."""
        ...

    def warmed(self) -> dict[str, Warmth]:
        """By worker, also those whose time is over."""
        ...
