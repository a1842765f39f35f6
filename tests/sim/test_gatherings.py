"""Runs of agents through simulated histories: every fault, real graphs, the real steward."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotlight.contracts import lifecycle
from pilotlight.contracts.job import READY, JobStatus
from pilotlight.intake.groups.agents.kind import AgentRuns
from pilotlight.intake.groups.steward import Steward
from tests.sim.faults import KINDS
from tests.sim.history import simulate


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_without_faults_every_run_succeeds_or_was_cancelled(remote):
    history = simulate(3, 10, kinds=(), remote=remote, groups=12)

    assert not history.violation, str(history)
    assert {"T15", "T18", "T21"} <= history.moves.keys()
    assert "T19" not in history.moves


@pytest.mark.parametrize("seed", range(6))
def test_every_invariant_of_groups_holds_through_faults(seed):
    history = simulate(seed, 5, groups=15)

    assert not history.violation, str(history)


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_all_faults_together_are_survived(remote):
    history = simulate(5, 5, kinds=KINDS, remote=remote, groups=25)

    assert not history.violation, str(history)
    assert {"kills", "unanswered"} <= history.faults.keys()
    assert {"T12", "T15", "T18", "T19", "T21"} <= history.moves.keys()


def found(rules, *, groups=30, seeds=6, remote=None):
    """Whether any of these histories breaks one of these rules."""
    histories = (
        simulate(seed, 5, kinds=KINDS, groups=groups, remote=remote) for seed in range(seeds)
    )
    return any(history.rule in rules for history in histories)


def test_a_release_that_asks_for_no_status_is_noticed(monkeypatch):
    loose = replace(lifecycle.T15, leaves=frozenset({JobStatus.WAITING}) | READY)
    monkeypatch.setattr(lifecycle, "T15", loose)

    # Two stewards, each with a view of its own.
    assert found({"I2", "I11"}, remote=True)


def test_a_mark_that_is_taken_unseen_is_noticed(monkeypatch):
    monkeypatch.setattr(lifecycle, "T21", replace(lifecycle.T21, guards=()))

    assert found({"T21", "I1"})


def test_a_steward_that_starts_nothing_but_after_an_end_is_noticed(monkeypatch):
    """Whoever added the last members of a map may not have lived to start what needs it."""
    real = AgentRuns.advance

    def lazy(self, head, ended):
        if ended:
            real(self, head, ended)

    monkeypatch.setattr(AgentRuns, "advance", lazy)

    assert found({"I1", "I11"})


def test_a_group_whose_mark_is_taken_too_early_is_noticed(monkeypatch):
    def forgetful(self, head, kind, tally, now):
        if head.group_due is not None:
            from pilotlight.contracts import moves

            self.store.move(head.id, moves.heard(head))

    monkeypatch.setattr(Steward, "_mark", forgetful)

    assert found({"I1", "T21", "I6"})


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_invariant_of_groups_holds_through_twelve_thousand_runs():
    wrong = [
        str(one) for one in (simulate(seed, 10, groups=30) for seed in range(400)) if one.violation
    ]

    assert not wrong, "\n".join(wrong[:3])
