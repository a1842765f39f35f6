"""What a waiting caller may know of a replica on its way: its stage and how long it will take."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pilotlight.contracts.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.ports.fleet import ColdStart, Replica

_TELLS: Final = 0.05
"""A stage that is this far says by itself how long the rest takes."""


@dataclass(frozen=True, slots=True)
class ColdStage:
    stage: Literal["starting", "loading", "failed", "paused"]
    """``paused``: nothing starts until the operator resumes its worker."""
    eta_s: float | None
    """Seconds until the first replica should be ready, learned from earlier starts."""
    error: str | None = None
    """Why the last start failed."""
    step: str | None = None
    """What the load is at, one of :data:`pilotlight.contracts.stages.STAGES`."""
    fraction: float | None = None
    """How far that is, 0 to 1, where it is known."""


PAUSED: Final = ColdStage("paused", None)


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
        first = min(loading, key=lambda one: one.loading_at or now)
        left = _left_of_load(first, history, now)
        return ColdStage("loading", left, step=first.step, fraction=first.fraction)
    total = _median([start.total_s for start in history])
    starting = [replica for replica in replicas if replica.stage == "starting"]
    if starting:
        return ColdStage("starting", _left(total, now - min(r.asked_at for r in starting)))
    if replicas and replicas[-1].stage == "failed":
        return ColdStage("failed", None, replicas[-1].error)
    return ColdStage("starting", total)


def switch(replicas: Sequence[Replica], worker: str, *, now: float) -> ColdStage | None:
    """Why this worker's model cannot be loaded on a ready host of its pool, or what that host is
    loading, for whichever of its workers; None when neither.
    """
    for replica in replicas:
        whose, _, why = (replica.error or "").partition(": ")
        if replica.stage == "ready" and whose == worker:
            return ColdStage("failed", None, why)
        if replica.stage == "ready" and replica.step in STAGES:
            left = _left_by_fraction(replica, now)
            return ColdStage("loading", left, step=replica.step, fraction=replica.fraction)
    return None


def _left_by_fraction(replica: Replica, now: float) -> float | None:
    if replica.fraction is None or replica.fraction <= _TELLS or replica.step_at is None:
        return None
    return round((now - replica.step_at) * (1 - replica.fraction) / replica.fraction, 2)


def _left_of_load(replica: Replica, history: Sequence[ColdStart], now: float) -> float | None:
    """By stages where they are known: what is late in one stage does not shorten the others."""
    apart = [start.took for start in history if start.took]
    step_at = now if replica.step_at is None else replica.step_at
    if not apart or replica.step not in STAGES:
        load = _median([start.load_s for start in history])
        return _left(load, now - (replica.loading_at or now))
    usual = {
        name: statistics.median([took.get(name, 0.0) for took in apart])
        for name in STAGES[STAGES.index(replica.step) :]
    }
    here = max(0.0, usual.pop(replica.step) - (now - step_at))
    told = _left_by_fraction(replica, now)
    here = here if told is None else told
    return round(here + sum(usual.values()), 2)


def _median(lengths: list[float]) -> float | None:
    return round(statistics.median(lengths), 2) if lengths else None


def _left(expected: float | None, passed: float) -> float | None:
    return None if expected is None else round(max(0.0, expected - passed), 2)
