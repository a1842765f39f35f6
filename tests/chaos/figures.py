"""The storm's figures: how long until a lost job runs again, a table for eyes, JSON for machines."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.attacks import Blow
    from tests.chaos.rows import Rows

REPORT: Final = Path("build/chaos.json")
PROMISED: Final = ("lost", "double_completed", "cancelled_then_completed", "webhooks_missing")
_HOLD: Final = {
    "recovery_p50_s": 90,
    "recovery_p95_s": 180,
    "recovery_seen_p95_s": 180,
    "recovery_paused_p95_s": 180,
    "cancel_to_child_dead_p99_s": 20,
    "attempts_mean": 1.3,
}
"""Numbers to hold, at default timers: reliability sections 3.3 and 6."""


def quantile(values: Sequence[float], percent: int) -> float | None:
    if len(values) < 2:
        return None
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 2)


def recoveries(rows: Rows, blows: Sequence[Blow]) -> dict[str, list[float]]:
    """Seconds from each blow to the next lease of each job it cost, by kind of blow.

    What another blow to the same replica, or to all of them, cut short is left out.
    """
    found: dict[str, list[float]] = {}
    for blow in blows:
        outcome = "T7" if blow.kind.endswith("child") else "T10"
        for job_id, fence, ended_at in rows(
            "SELECT job_id, fence, ended_at FROM attempt WHERE outcome = ? AND started_at <= ? "
            "AND ended_at >= ? AND (owner = ? OR ? = '')",
            *(outcome, blow.at, blow.at, blow.owner, blow.owner),
        ):
            again = rows.one(
                "SELECT min(started_at) FROM attempt WHERE job_id = ? AND fence > ?", job_id, fence
            )
            struck_again = any(
                blow.at < other.at <= ended_at and other.owner in ("", blow.owner)
                for other in blows
            )
            if again is not None and not struck_again:
                found.setdefault(blow.kind, []).append(again - blow.at)
    return found


def summary(recovered: dict[str, list[float]], cancels: Sequence[float]) -> dict[str, Any]:
    """``recovery`` is of deaths that nobody saw; ``seen`` of those that the supervisor saw."""
    unseen = recovered.get("kill -9 outsider", [])
    seen = [
        one for kind in ("kill -9 parent", "kill -9 everything") for one in recovered.get(kind, [])
    ]
    paused = recovered.get("SIGSTOP parent", [])
    return {
        "recovery_p50_s": quantile(unseen, 50),
        "recovery_p95_s": quantile(unseen, 95),
        "recoveries": len(unseen),
        "recovery_seen_p50_s": quantile(seen, 50),
        "recovery_seen_p95_s": quantile(seen, 95),
        "recoveries_seen": len(seen),
        "recovery_paused_p50_s": quantile(paused, 50),
        "recovery_paused_p95_s": quantile(paused, 95),
        "recoveries_paused": len(paused),
        "cancel_to_child_dead_p50_s": quantile(cancels, 50),
        "cancel_to_child_dead_p99_s": quantile(cancels, 99),
        "cancels_measured": len(cancels),
    }


def over(report: dict[str, Any], *, timers: bool) -> list[str]:
    """Which numbers do not hold; those of time only where the timers are the default ones."""
    broken = [f"{name} is {report[name]}, not 0" for name in PROMISED if report[name]]
    if report["other_findings"]:
        broken.append(f"{report['other_findings']} other findings")
    if timers:
        broken += [
            f"{name} is {report[name]}, more than {most}"
            for name, most in _HOLD.items()
            if report.get(name) is not None and report[name] > most
        ]
    return broken


def table(report: dict[str, Any]) -> str:
    lines = []
    for name, given in report.items():
        parts = given.items() if isinstance(given, dict) else ()
        value = ", ".join(f"{key} {one}" for key, one in parts) or given
        hold = 0 if name in PROMISED else _HOLD.get(name)
        lines.append(f"  {name:28} {value}" + ("" if hold is None else f"   (hold {hold})"))
    return "\n".join(lines)


def write(report: dict[str, Any]) -> None:
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
