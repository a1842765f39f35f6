"""``pilotlight fleet --cold-starts``: where the time goes until a replica is ready."""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pilotlight.scaling.sketch import Sketch

EDGES_S: Final = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)
"""Upper edges of the bars; the last bar has what is longer."""
_BARS: Final = " ▁▂▃▄▅▆▇█"


def rows(starts: Mapping[str, Mapping[str, Sketch]]) -> list[tuple[str, ...]]:
    """A line for each stage of each worker, in the order in which stages come."""
    return [
        (worker, name, f"{stage.count:.0f}", *_quantiles(stage), bars(stage))
        for worker, stages in sorted(starts.items())
        for name, stage in _ordered(stages)
    ]


def as_json(starts: Mapping[str, Mapping[str, Sketch]]) -> dict[str, Any]:
    """Counts by upper edge in seconds: what a histogram of any other width is made from."""
    return {
        worker: {
            name: {
                "count": stage.count,
                "mean_s": _rounded(stage.mean_s),
                "p50_s": _rounded(stage.quantile_s(0.5)),
                "p95_s": _rounded(stage.quantile_s(0.95)),
                "histogram": [[_rounded(edge), count] for edge, count in stage.histogram()],
            }
            for name, stage in _ordered(stages)
        }
        for worker, stages in sorted(starts.items())
        if stages
    }


def _ordered(stages: Mapping[str, Sketch]) -> list[tuple[str, Sketch]]:
    return [(name, stages[name]) for name in STAGES if name in stages]


def bars(stage: Sketch) -> str:
    """One character for each of EDGES_S, and one for what is longer; the fullest one is a block."""
    counts = [0.0] * (len(EDGES_S) + 1)
    for edge_s, count in stage.histogram():
        counts[bisect.bisect_left(EDGES_S, edge_s)] += count
    most = max(counts)
    return "".join(_BARS[-(-8 * int(count) // max(1, int(most)))] for count in counts)


def _quantiles(stage: Sketch) -> tuple[str, str]:
    return _words(stage.quantile_s(0.5)), _words(stage.quantile_s(0.95))


def _words(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3g} s"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
