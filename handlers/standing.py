"""Where a job stands, in a few words: told in a stream's comments while there is nothing else to tell.

Clients pass comments over; people who watch a stream read them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from starlette.requests import Request

from handlers.services import ask, services_of
from pilotlight.bootstrap.ingress import Services
from pilotlight.contracts.job import HELD, Job
from pilotlight.errors import PilotlightError
from pilotlight.intake.cold_start import ColdStage
from pilotlight.intake.control import View

_HERE: Final = "still here"
_LONGEST: Final = 200
"""Characters of a reason."""


def telling(request: Request, job: Job) -> Callable[[], Awaitable[str]]:
    """For :class:`handlers.sse.EventStream`."""
    services = services_of(request)
    return partial(ask, services, _now, services, job)


def _now(services: Services, job: Job) -> str:
    try:
        found = services.control.job(job.id, caller=job.caller)
        return words(services.control.view(found))
    except PilotlightError:  # a stream does not break because its comment cannot be had
        return _HERE


def words(view: View) -> str:
    """One line."""
    if view.cold is not None:
        return _cold(view.cold)
    if view.position is not None:
        return f"{view.position} ahead"
    return "running" if view.job.status in HELD else _HERE


def _cold(cold: ColdStage) -> str:
    if cold.stage == "failed":
        why = " ".join((cold.error or "no reason was kept").split())
        return f"cold start: the last replica did not start: {why[:_LONGEST]}"
    if cold.stage == "paused":
        return "its worker is paused by the operator"
    done = "" if cold.fraction is None else f" {cold.fraction:.0%}"
    left = "" if cold.eta_s is None else f", about {cold.eta_s:.0f} s left"
    return f"cold start: {(cold.step or cold.stage).replace('_', ' ')}{done}{left}"
