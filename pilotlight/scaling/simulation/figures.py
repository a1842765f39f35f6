"""What one run of the simulator came to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(slots=True)
class Outcome:
    """Raw results; ``figures`` are what is reported."""

    waits: list[float] = field(default_factory=list)
    """Of each job, from its arrival to its start."""
    gpu_s: float = 0.0
    """Lives of all replicas, cold starts included."""
    unused_s: float = 0.0
    """Lives of those that never ran a job."""
    starts: list[tuple[float, str]] = field(default_factory=list)
    """When, and of which worker."""
    unused: int = 0
    busy_stopped: int = 0
    """Decisions that named a replica with a job: there must be none."""
    switches: int = 0
    """Model swaps on pooled hosts."""
    decisions: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    gpu_hours: float
    wait_mean_s: float
    wait_p50_s: float
    wait_p90_s: float
    wait_p95_s: float
    wait_p99_s: float
    cold_starts: int

    @classmethod
    def of(cls, outcome: Outcome) -> Figures:
        waits = sorted(outcome.waits)
        mean = sum(waits) / len(waits) if waits else 0.0
        shares = (_percentile(waits, share) for share in (0.5, 0.9, 0.95, 0.99))
        p50, p90, p95, p99 = (round(value, 3) for value in shares)
        return cls(
            round(outcome.gpu_s / 3600, 4), round(mean, 3), p50, p90, p95, p99, len(outcome.starts)
        )

    @property
    def waits(self) -> tuple[float, ...]:
        return (
            self.wait_mean_s, self.wait_p50_s, self.wait_p90_s, self.wait_p95_s, self.wait_p99_s,
        )  # fmt: skip


def _percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest rank: a value that occurred."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
