"""Many seeds, one verdict."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.sim.history import History, simulate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPORT: Final = Path("build/soak.json")
_LOST: Final = {"I1"}
_DOUBLED: Final = {"I2", "I5", "I7", "I9"}
_CANCELLED: Final = {"I6"}
_MISSING: Final = {"I4"}
RECOVERY_P50_S: Final = 90.0
RECOVERY_P95_S: Final = 180.0
"""From the death of a replica in the middle of a job until the job runs again: reliability section 0,
item 10."""
RECOVERY_STORING_P95_S: Final = RECOVERY_P95_S + 240.0
"""Of a job whose files were being stored: its lease is that much longer (300 s in place of 60)."""
_TOLD_EACH: Final = 50
"""Histories between two words about how far it is."""


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def replay(seed: int, jobs: int, *, lines: int) -> int:
    """Print the end of the seed's history; 1 when an invariant does not hold."""
    history = simulate(seed, jobs)
    history.tail = history.tail[-lines:]
    _say(str(history))
    _say(f"hash {history.hash or '(it was not run to its end)'}")
    return 1 if history.violation else 0


def soak(seeds: Sequence[int], jobs: int, *, processes: int) -> int:
    """Run all, write the report, print the verdict; 1 when it does not hold."""
    began = time.monotonic()
    with ProcessPoolExecutor(processes) as pool:
        histories = []
        for history in pool.map(partial(simulate, jobs=jobs), seeds, chunksize=4):
            histories.append(history)
            if history.violation:
                _say(str(history))
            if len(histories) % _TOLD_EACH == 0 and len(histories) < len(seeds):
                took_s = time.monotonic() - began
                left_s = took_s / len(histories) * (len(seeds) - len(histories))
                _say(f"{len(histories)} of {len(seeds)} histories, {left_s / 60:.0f} minutes left")
    found = summary(histories, jobs=jobs)
    found["wall_s"] = round(time.monotonic() - began, 1)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=1) + "\n")
    words = "holds" if holds(found) else "FAILS"
    _say(
        f"soak {words}: {len(histories)} seeds x {jobs} jobs, "
        f"{found['violations']} violations, lost {found['lost']}, "
        f"double-completed {found['double_completed']}, "
        f"cancelled then completed {found['cancelled_then_completed']}, "
        f"webhooks missing {found['webhooks_missing']}, recovery p50 "
        f"{found['recovery_p50_s']} s of {RECOVERY_P50_S:g}, "
        f"p95 {found['recovery_p95_s']} s of {RECOVERY_P95_S:g}, while storing p95 "
        f"{found['recovery_storing_p95_s']} s of {RECOVERY_STORING_P95_S:g}, {found['wall_s']} s"
    )
    return 0 if holds(found) else 1


def holds(found: Mapping[str, Any]) -> bool:
    """No violation, and recovery within its limits; where too little died nobody can say."""
    limits = {
        "recovery_p50_s": RECOVERY_P50_S,
        "recovery_p95_s": RECOVERY_P95_S,
        "recovery_storing_p95_s": RECOVERY_STORING_P95_S,
    }
    in_time = all((found[name] or 0.0) <= limit for name, limit in limits.items())
    return in_time and not found["violations"]


def summary(histories: Sequence[History], *, jobs: int) -> dict[str, Any]:
    """The figures of reliability section 0, item 10, and what was done to get them."""
    rules = Counter(history.rule for history in histories if history.violation)
    recoveries = sorted(one for history in histories for one in history.recoveries)
    storing = sorted(one for history in histories for one in history.recoveries_while_storing)
    return {
        "seeds": len(histories),
        "jobs_per_seed": jobs,
        "violations": sum(rules.values()),
        "by_rule": dict(rules),
        "seeds_that_fail": [history.seed for history in histories if history.violation],
        "lost": _sum(rules, _LOST),
        "double_completed": _sum(rules, _DOUBLED),
        "cancelled_then_completed": _sum(rules, _CANCELLED),
        "webhooks_missing": _sum(rules, _MISSING),
        "recovery_p50_s": _quantile(recoveries, 50),
        "recovery_p95_s": _quantile(recoveries, 95),
        "recoveries": len(recoveries),
        "recovery_storing_p95_s": _quantile(storing, 95),
        "recoveries_while_storing": len(storing),
        "statuses": dict(sum((history.statuses for history in histories), Counter())),
        "groups": dict(sum((history.members for history in histories), Counter())),
        "faults": _added(history.faults for history in histories),
        "moves": _added(history.moves for history in histories),
        "costs": _added(history.costs for history in histories),
    }


def _sum(rules: Counter[str], names: set[str]) -> int:
    return sum(rules[name] for name in names)


def _added(counts: Any) -> dict[str, float]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return {name: round(value, 1) for name, value in sorted(total.items())}


def _quantile(values: Sequence[float], percent: int) -> float | None:
    if len(values) < 2:
        return None
    return round(statistics.quantiles(values, n=100)[percent - 1], 1)
