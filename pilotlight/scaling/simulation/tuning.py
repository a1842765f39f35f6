"""Which policy would have been the cheapest that kept its promise, over what really happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.scaling.simulation import contest
from pilotlight.scaling.simulation.trace import Arrival

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pilotlight.ports.learned import Finished
    from pilotlight.scaling.simulation.contest import Entry, Site
    from pilotlight.scaling.simulation.figures import Figures


@dataclass(frozen=True, slots=True)
class Counterfactual:
    entry: Entry
    figures: Figures
    keeps: bool
    """Its 95th percentile is within what was asked for."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """``best`` is None when nothing on the grid waits so little."""

    best: Counterfactual | None
    tried: tuple[Counterfactual, ...]
    """The cheapest first."""


def history(finished: Iterable[Finished]) -> list[Arrival]:
    """What the store remembers, as a trace."""
    runs = sorted(finished, key=lambda one: one.created_at)
    return [Arrival(one.created_at, one.worker, one.ended_at - one.started_at) for one in runs]


def tune(trace: Sequence[Arrival], site: Site, *, p95_s: float) -> Proposal:
    """Replay every point of the two grids that an owner can choose from."""
    entries = contest.grid("expected-saving", "keep-alive")
    tried = []
    for entered in entries:
        figures = contest.figures(trace, entered, site)
        tried.append(Counterfactual(entered, figures, figures.wait_p95_s <= p95_s))
    tried.sort(key=lambda one: (one.figures.gpu_hours, one.figures.wait_mean_s))
    return Proposal(next((one for one in tried if one.keeps), None), tuple(tried))
