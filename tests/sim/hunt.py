"""Runs mutants and judges whether anything noticed."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
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
_FIRST: Final = 2
"""Histories before the state machine is asked, which takes as long as three."""
JOBS: Final = 300
GROUPS: Final = 6
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
    """Of a core: a busy machine says nothing about the mutant."""


def _histories(seeds: Sequence[int], jobs: int) -> list[History]:
    """With every kind of fault, each seed in one of the two modes."""
    return [simulate(seed, jobs, kinds=KINDS) for seed in seeds]


def in_simulation(seeds: Sequence[int], jobs: int) -> str:
    """The first violation; the histories after it are not run."""
    for seed in seeds:
        history = simulate(seed, jobs, kinds=KINDS, groups=GROUPS)
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
    """Judge one mutant, until something notices it: histories first, then single moves."""
    began = time.process_time()
    mutant = all_mutants()[name]
    if mutant.counter is not None:
        return _cost(mutant, began)
    said = ""
    try:
        with mutant.patch():
            seen = in_simulation(seeds[:_FIRST], jobs)
            said = "" if seen else in_rules()
            seen = seen if seen or said else in_simulation(seeds[_FIRST:], jobs)
    except Exception as error:  # noqa: BLE001 - one that does not even run proves nothing
        words = f"broken: {type(error).__name__}: {error}"
        return Verdict(name, "safety", caught=False, by_simulation=words)
    took = round(time.process_time() - began, 1)
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
    return Verdict(mutant.name, "cost", caught, words, "", round(time.process_time() - began, 1))


def _judged(processes: int) -> list[Verdict]:
    """Those of cost first, which take the longest; a word about each as it comes."""
    mutants = all_mutants()
    order = sorted(mutants, key=lambda name: mutants[name].counter is None)
    found: dict[str, Verdict] = {}
    with ProcessPoolExecutor(processes) as pool:
        for done in as_completed([pool.submit(hunt, name) for name in order]):
            verdict = done.result()
            found[verdict.mutant] = verdict
            seen = verdict.by_simulation or verdict.by_rules
            words = f"noticed: {seen}" if verdict.caught else "NOT NOTICED"
            head = f"{len(found)} of {len(order)}, {verdict.took_s:.1f} s: {verdict.mutant}"
            sys.stdout.write(f"{head}: {words}"[:160] + "\n")
            sys.stdout.flush()
    return [found[name] for name in mutants]


def hunt_all(*, processes: int) -> int:
    """Judge every mutant, write the report, print the verdict; 1 when one survives."""
    began = time.monotonic()
    sane = in_simulation(SEEDS[:2], JOBS) or in_rules()
    if sane:
        sys.stdout.write(f"mutants cannot be judged: the code as it is fails: {sane}\n")
        return 1
    verdicts = _judged(processes)
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
