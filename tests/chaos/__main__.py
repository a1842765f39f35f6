"""``make chaos``: the long storm, its figures, and a one-line verdict.

Default timers of leases and replicas. ``build/chaos.json`` holds what the table shows. Data of a
run that fails is kept, and its folder told; that of a good one goes.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tests.chaos import figures
from tests.chaos.storm import Plan, Storm

if TYPE_CHECKING:
    from collections.abc import Sequence


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def _ended(number: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def main(argv: Sequence[str] | None = None) -> int:
    """0 when every number holds, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--gap-s", type=float, default=1, help="mean time between two blows")
    given = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _ended)
    plan = Plan(
        jobs=given.jobs,
        seed=given.seed,
        clients=given.clients,
        gap_s=given.gap_s,
        longest_pause_s=100,
        drain_s=600,
        embers=16,
        cancels=20,
    )
    data = Path(tempfile.mkdtemp(prefix="pilotlight-chaos-"))
    storm = Storm(plan, data, _say)
    report = storm.run()
    figures.write(report)
    _say(figures.table(report))
    broken = figures.over(report, timers=not plan.short)
    for sentence in storm.findings.all[:20]:
        _say(f"! {sentence}")
    _say(verdict(report, broken))
    if broken:
        _say(f"data: {data}")
        return 1
    shutil.rmtree(data)
    return 0


def verdict(report: dict[str, object], broken: Sequence[str]) -> str:
    promised = ", ".join(f"{name.replace('_', ' ')} {report[name]}" for name in figures.PROMISED)
    words = f"{report['jobs']} jobs, {report['kills']} kills, {promised}, recovery p50 "
    words += f"{report['recovery_p50_s']} s, p95 {report['recovery_p95_s']} s, {report['wall_s']} s"
    return f"chaos FAILS: {'; '.join(broken)}; {words}" if broken else f"chaos holds: {words}"


if __name__ == "__main__":
    sys.exit(main())
