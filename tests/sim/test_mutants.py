"""A handful of mutants, seconds each; `make mutants` runs them all."""

from __future__ import annotations

import pytest

from tests.sim.hunt import SEEDS, in_rules, in_simulation
from tests.sim.mutants import all_mutants
from tests.sim.table_mutants import IDLE_GUARDS

JOBS = 150


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("T6 announces nothing", "I4"),
        ("T12 from any status", "I2"),
        ("poison is never given up", "I8"),
        ("idempotency keys are forgotten", "I7"),
        ("a cancel is answered and not done", "I6"),
        ("a job is answered before it is recorded", "I1 or I7"),  # lost, or its key free again
        ("a job is anyone's", "I12"),
        ("a success is written before its files", "I3"),
        ("the reaper takes no lease back", "I1"),
        ("the reaper leaves no margin", "I5"),
        ("replicas never leave", "zero"),
        ("a replica never fences itself", "I5"),
        ("a lost lease stops no child", "I5"),
        ("a later attempt is told no note", "I10"),
        ("a node starts before what it needs", "I11"),
    ],
)
def test_the_simulation_notices_that_a_guard_is_gone(name, rules):
    with all_mutants()[name].patch():
        seen = in_simulation(SEEDS[:8], JOBS)
    assert any(f": {rule}: " in seen for rule in rules.split(" or "))


@pytest.mark.parametrize(
    "name",
    [
        "T2 without fence = :fence",
        "T3 without attempts < max_attempts",
        "T4 without fence = :fence",
        "T6 without fence = :fence",
        "T10 without lease_until = :seen_lease",
        "T14 without fence = :fence",
        "T16_SETTLE without webhook_fence = :webhook_fence",
    ],
)
def test_the_state_machine_notices_that_a_guard_is_gone(name):
    with all_mutants()[name].patch():
        assert in_rules().startswith("Violation: ")


def test_neither_accuses_the_code_as_it_is():
    assert in_simulation(SEEDS[:2], JOBS) == ""
    assert in_rules() == ""


def test_every_guard_of_the_lifecycle_has_a_mutant():
    from pilotlight.contracts import lifecycle

    transitions = [one for one in vars(lifecycle).values() if isinstance(one, lifecycle.Transition)]
    without = [name for name in all_mutants() if " without " in name]
    assert len(without) == sum(len(one.guards) for one in transitions) - len(IDLE_GUARDS)
    assert sum(" from any status" in name for name in all_mutants()) == len(transitions)
