"""The figures: their names, what must hold, medians over passes, ratios, verdicts. No I/O."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report."""

    name: str
    """Key in the JSON; it ends in the unit."""
    title: str
    better: Literal["less", "more"] = "less"
    hold: float | None = None
    """The number to hold on a quiet machine with two cores; None: only shown."""
    digits: int = 2
    never_behind_taskiq: bool = False
    """Holds only when taskiq, measured in the same run, is not better."""

    def holds(self, value: float | None, *, taskiq: float | None) -> bool | None:
        """Whether the value keeps the number; None when there is no value or no number."""
        if value is None or self.hold is None:
            return None
        if self.never_behind_taskiq and taskiq is not None and not self._reaches(value, taskiq):
            return False
        return self._reaches(value, self.hold)

    def _reaches(self, value: float, bar: float) -> bool:
        return value <= bar if self.better == "less" else value >= bar


HELD: Final = (
    Figure(
        "echo_latency_p50_ms",
        "submit to result, one client, p50 (ms)",
        hold=2,
        never_behind_taskiq=True,
    ),
    Figure("echo_latency_p95_ms", "submit to result, one client, p95 (ms)", hold=10),
    Figure(
        "echo_jobs_per_s", "jobs per second, 16 clients, one replica", "more", hold=1000, digits=0
    ),
    Figure("startup_s", "start to first /readyz 200 (s)", hold=1),
    Figure("idle_mb", "idle memory of all processes, PSS (MB)", hold=90, digits=1),
    Figure("scale_decision_s", "first submit at zero to replica asked for (s)", hold=1, digits=3),
    Figure("webhook_p50_ms", "end of job to webhook received, p50 (ms)", hold=50),
    Figure("webhook_p95_ms", "end of job to webhook received, p95 (ms)", hold=250),
)
"""The keys of the JSON. p95 of the latency: what a noisy machine should still keep."""

EXTRA: Final = (
    Figure("echo_submit_p50_ms", "the submit alone, one client, p50 (ms)"),
    Figure("echo_run_p50_ms", "synchronous run, one client, p50 (ms)", hold=1.5),
    Figure("echo_run_p95_ms", "synchronous run, one client, p95 (ms)"),
    Figure("burst_submits_per_s", "burst: submits per second", "more", hold=1200, digits=0),
    Figure("burst_drained_per_s", "burst: jobs per second until drained", "more", digits=0),
    Figure("idle_cpu_percent", "idle processor use (% of one core)", hold=0.3),
    Figure("cold_start_s", "first submit at zero to its result (s)"),
    Figure("loaded_mb", "memory after all loads, PSS (MB)", digits=1),
)


def medians(passes: Sequence[Mapping[str, float | None]]) -> Figures:
    """Per figure the median over the passes that have it, else None."""
    middle: Figures = {}
    for figure in HELD + EXTRA:
        values = [value for one in passes if (value := one.get(figure.name)) is not None]
        middle[figure.name] = statistics.median(values) if values else None
    return middle


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that this share of the others does not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


def ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None
