"""``make bench``: Pilotlight's local mode beside two references, pass by pass in turn.

A noisy machine then slows all of them alike; the table shows the medians over the passes, and
``build/bench.json`` holds them for machines. ``--quick`` only proves that everything runs.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pilotlight.adapters.local.clock import SystemClock
from tests.bench import machine, systems
from tests.bench.figures import medians
from tests.bench.measure import FULL, QUICK, measure
from tests.bench.processes import ROOT, NotReady, adopt_orphans
from tests.bench.report import Report
from tests.bench.target import WrongAnswer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pilotlight.ports.clock import Clock
    from tests.bench.figures import Figures
    from tests.bench.measure import Size

    Start = Callable[[Clock], AbstractContextManager[systems.System]]

PASSES = 3
NAMES = ("pilotlight", "reference", "taskiq")


def _starts() -> tuple[dict[str, Start], str]:
    """How each system starts here, and what the bare reference is."""
    if systems.has_redis():
        every = (systems.pilotlight, systems.bare_redis, systems.taskiq)
        return dict(zip(NAMES, every, strict=True)), "FastAPI + Redis list"
    both = (systems.pilotlight, systems.bare_sqlite)
    return dict(zip(NAMES, both, strict=False)), "FastAPI + SQLite loop"


def _one_pass(start: Start, size: Size, clock: Clock) -> tuple[Figures, float]:
    """The figures of a system started for this pass, and the cores that others kept busy."""
    neighbours, before_s = machine.Neighbours(), machine.own_cpu_s()
    with start(clock) as system:
        figures = measure(system, size, clock)
        own_s = machine.own_cpu_s() - before_s + system.processes.cpu_s()
        return figures, neighbours.cores(own_s=own_s)


def _all_passes(
    starts: dict[str, Start], passes: int, size: Size, console: Console
) -> tuple[dict[str, list[Figures]], list[float]]:
    clock = SystemClock()
    found: dict[str, list[Figures]] = {name: [] for name in NAMES}
    others: list[float] = []
    for number in range(1, passes + 1):
        for name, start in starts.items():
            console.print(f"pass {number} of {passes}: {name}", style="dim")
            figures, busy = _one_pass(start, size, clock)
            found[name].append(figures)
            others.append(busy)
    return found, others


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke: one short pass each")
    parser.add_argument("--passes", type=int, default=PASSES, help="passes over each system")
    parser.add_argument("--only", action="append", choices=NAMES, help="leave the others out")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    return parser.parse_args()


def _measure(arguments: argparse.Namespace, console: Console) -> Report:
    starts, reference_is = _starts()
    if "taskiq" not in starts:
        console.print(
            "redis-server is not on PATH: taskiq is left out, and the bare reference is a plain "
            "SQLite loop", style="yellow",
        )  # fmt: skip
    chosen = {n: s for n, s in starts.items() if not arguments.only or n in arguments.only}
    facts: dict[str, Any] = machine.facts() | {
        "reference": reference_is,
        "redis": machine.redis_version() if systems.has_redis() else None,
        "passes": 1 if arguments.quick else arguments.passes,
        "quick": arguments.quick,
    }
    size = QUICK if arguments.quick else FULL
    found, others = _all_passes(chosen, facts["passes"], size, console)
    facts["cores_busy_with_others"] = [round(cores, 2) for cores in others]
    facts["load_average_after"] = machine.load_average()
    ours, reference, taskiq = (medians(found[name]) if found[name] else {} for name in NAMES)
    return Report(
        ours=ours, reference=reference, taskiq=taskiq, reference_is=reference_is, machine=facts
    )


def main() -> int:
    arguments = _arguments()
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    adopt_orphans()
    try:
        report = _measure(arguments, console)
    except (NotReady, WrongAnswer, OSError, TimeoutError) as error:
        said = "\n".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        console.print(said, style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    facts = report.machine
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(report.as_table())
    console.print(
        f"{facts['cores']} cores ({facts['processor']}), shared with the clients; "
        f"load average {facts['load_average'][0]} before, {facts['load_average_after'][0]} after; "
        f"others kept {max(facts['cores_busy_with_others'], default=0):.2f} cores busy at worst. "
        f"bare: {report.reference_is}, one ingress and one worker process; taskiq: FastAPI in "
        f"front of taskiq with Redis. Neither has leases, fences, webhooks or scaling; "
        f"their Redis keeps nothing on disk.\n"
        f"{arguments.out}",
        highlight=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
