"""A worker that cannot start is tried ever more seldom, and its waiting jobs can say why.

Read from the replicas' rows alone, so that it survives a restart of whoever scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pilotlight.ports.fleet import Replica
    from pilotlight.scaling.terms import Terms
    from pilotlight.settings.scaling import ScalingSettings

    Limits = ScalingSettings | Terms


@dataclass(frozen=True, slots=True)
class Backoff:
    """``failures`` in a row since the last replica that served; no start before ``until``."""

    failures: int = 0
    until: float = 0.0
    error: str = ""
    """What the newest failure said."""


def backoff_of(replicas: Iterable[Replica], limits: Limits) -> Backoff:
    """Replicas that were asked for together and failed together count as one failure."""
    failures, ended_at, error = 0, 0.0, ""
    for replica in sorted(replicas, key=lambda one: one.asked_at):
        if replica.stage == "failed":
            failures += replica.asked_at >= ended_at
            ended_at = max(ended_at, replica.ended_at or replica.asked_at)
            error = replica.error or "it failed to start"
        elif replica.ready_at is not None:
            failures, error = 0, ""
    if not failures:
        return Backoff()
    return Backoff(failures, ended_at + wait_s(failures, limits), error)


def wait_s(failures: int, limits: Limits) -> float:
    """Doubles from ``start_backoff_s`` up to ``max_backoff_s``."""
    doublings = min(failures - 1, 60)  # 2.0**60 s is past any limit and still a float
    wait: float = limits.start_backoff_s * 2.0**doublings
    return min(wait, limits.max_backoff_s)
