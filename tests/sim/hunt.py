"""Runs mutants and judges whether anything noticed."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.sim.comebacks import TableRules
from tests.sim.faults import KINDS
from tests.sim.history import History, simulate
from tests.sim.mutants import Mutant, all_mutants

if TYPE_CHECKING:
    from collections.abc import Sequence

REPORT: Final = Path("build/mutants.json")
SEEDS: Final = tuple(range(1000, 1012))
JOBS: Final = 300
COST_SEEDS: Final = tuple(range(2000, 2006))
COST_JOBS: Final = 500
MOVED: Final = 1.2
"""A cost mutant must raise its counter by a fifth: reliability section 3.2."""
_RULES: Final = settings(
    max_examples=150,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # to find it is enough; to shrink it takes minutes
    print_blob=False,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    mutant: str
    kind: str
    caught: bool
    by_simulation: str = ""
    """Seed and rule, or the counter's values."""
    by_rules: str = ""
    """What the state machine said."""
    took_s: float = 0.0


def _histories(seeds: Sequence[int], jobs: int) -> list[History]:
    """With every kind of fault, each seed in one of the two modes."""
    return [simulate(seed, jobs, kinds=KINDS) for seed in seeds]


def in_simulation(seeds: Sequence[int], jobs: int) -> str:
    for seed in seeds:
        history = simulate(seed, jobs, kinds=KINDS)
        if history.violation:
            return f"seed {seed}: {history.violation}"[:200]
    return ""


def in_rules() -> str:
    try:
        run_state_machine_as_test(TableRules, settings=_RULES)
    except AssertionError as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:200]
    return ""


def hunt(name: str, *, seeds: Sequence[int] = SEEDS, jobs: int = JOBS) -> Verdict:
    """Judge one mutant."""
    began = time.monotonic()
    mutant = all_mutants()[name]
    if mutant.counter is not None:
        return _cost(mutant, began)
    try:
        with mutant.patch():
            seen, said = in_simulation(seeds, jobs), in_rules()
    except Exception as error:  # noqa: BLE001 - one that does not even run proves nothing
        words = f"broken: {type(error).__name__}: {error}"
        return Verdict(name, "safety", caught=False, by_simulation=words)
    took = round(time.monotonic() - began, 1)
    return Verdict(name, "safety", bool(seen or said), seen, said, took)


def _counter(histories: Sequence[History], name: str) -> float:
    return sum(one.costs.get(name, 0) for one in histories)


@cache
def _baseline() -> tuple[History, ...]:
    return tuple(_histories(COST_SEEDS, COST_JOBS))


def _cost(mutant: Mutant, began: float) -> Verdict:
    assert mutant.counter is not None
    before = _counter(_baseline(), mutant.counter)
    with mutant.patch():
        histories = _histories(COST_SEEDS, COST_JOBS)
    after = _counter(histories, mutant.counter)
    broken = [history.violation for history in histories if history.violation]
    words = f"{mutant.counter} from {before:g} to {after:g}"
    if broken:
        words = f"{words}; {broken[0]}"[:200]
    caught = after > MOVED * before or bool(broken)
    return Verdict(mutant.name, "cost", caught, words, "", round(time.monotonic() - began, 1))


def hunt_all(*, processes: int) -> int:
    """Judge every mutant, write the report, print the verdict; 1 when one survives."""
    began = time.monotonic()
    sane = in_simulation(SEEDS[:2], JOBS) or in_rules()
    if sane:
        sys.stdout.write(f"mutants cannot be judged: the code as it is fails: {sane}\n")
        return 1
    names = list(all_mutants())
    with ProcessPoolExecutor(processes) as pool:
        verdicts = list(pool.map(hunt, names))
    survivors = [verdict.mutant for verdict in verdicts if not verdict.caught]
    safety = [verdict for verdict in verdicts if verdict.kind == "safety"]
    report = {
        "mutants_caught": len(verdicts) - len(survivors),
        "mutants_total": len(verdicts),
        "survivors": survivors,
        "safety_caught": sum(verdict.caught for verdict in safety),
        "safety_total": len(safety),
        "caught_by_simulation": sum(bool(verdict.by_simulation) for verdict in safety),
        "caught_by_rules": sum(bool(verdict.by_rules) for verdict in safety),
        "wall_s": round(time.monotonic() - began, 1),
        "verdicts": [asdict(verdict) for verdict in verdicts],
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    words = "all are caught" if not survivors else f"SURVIVORS: {', '.join(survivors)}"
    sys.stdout.write(
        f"mutants {report['mutants_caught']} of {report['mutants_total']}: {words} "
        f"({report['wall_s']} s)\n"
    )
    return 1 if survivors else 0
