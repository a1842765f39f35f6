"""What a waiting caller may know of a replica on its way: its stage and how long it will take."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.ports.fleet import ColdStart, Replica


@dataclass(frozen=True, slots=True)
class ColdStage:
    stage: Literal["starting", "loading", "failed"]
    eta_s: float | None
    """Seconds until the first replica should be ready, learned from earlier starts."""
    error: str | None = None
    """Why the last start failed."""


def stage(
    replicas: Sequence[Replica], history: Sequence[ColdStart], *, now: float
) -> ColdStage | None:
    """None when a replica is ready: the job then only waits for its turn.

    ``replicas`` are those of the job's worker, oldest first.
    """
    if any(replica.stage == "ready" for replica in replicas):
        return None
    loading = [replica for replica in replicas if replica.stage == "loading"]
    if loading:
        load = _median([start.load_s for start in history])
        since = min(replica.loading_at or now for replica in loading)
        return ColdStage("loading", _left(load, now - since))
    total = _median([start.total_s for start in history])
    starting = [replica for replica in replicas if replica.stage == "starting"]
    if starting:
        return ColdStage("starting", _left(total, now - min(r.asked_at for r in starting)))
    if replicas and replicas[-1].stage == "failed":
        return ColdStage("failed", None, replicas[-1].error)
    return ColdStage("starting", total)


def _median(lengths: list[float]) -> float | None:
    return round(statistics.median(lengths), 2) if lengths else None


def _left(expected: float | None, passed: float) -> float | None:
    return None if expected is None else round(max(0.0, expected - passed), 2)
