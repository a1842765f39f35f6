"""How long until a job ends, as far as anybody can tell: pure arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pilotlight.contracts.job import HELD

if TYPE_CHECKING:
    from pilotlight.intake.control import View

_TELLS: Final = 0.05
"""A job that is this far says by itself how long the rest takes."""


def eta_s(view: View, *, usual_s: float | None, slots: int, now: float) -> float | None:
    """Seconds until the job's end; None when it has ended, and when nothing is known.

    ``usual_s``: how long jobs of its worker run. A job that waits is thought to wait for one
    replica's ``slots``: more replicas only make it earlier.
    """
    job = view.job
    if job.status.is_terminal:
        return None
    if job.status in HELD:
        return _left(job.progress, now - (job.started_at or now), usual_s)
    if usual_s is None:
        return None
    ready_s = 0.0
    if view.cold is not None:
        if view.cold.eta_s is None:
            return None
        ready_s = view.cold.eta_s
    turn_s = (view.position or 0) // max(1, slots) * usual_s
    pause_s = max(0.0, job.not_before - now)
    return round(max(ready_s, pause_s) + turn_s + usual_s, 2)


def _left(progress: float, passed_s: float, usual_s: float | None) -> float | None:
    if progress >= _TELLS and passed_s > 0:
        return round(passed_s * max(0.0, 1 - progress) / progress, 2)
    return None if usual_s is None else round(max(0.0, usual_s - passed_s), 2)
