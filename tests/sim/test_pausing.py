"""A pause takes hold of replicas with a backlog, and nothing is lost by it."""

from __future__ import annotations

import pytest

from pilotlight.scaling import policy
from tests.sim.faults import KINDS
from tests.sim.history import simulate

MODES = pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])


@MODES
def test_no_job_begins_while_its_worker_is_paused_and_all_end(remote):
    history = simulate(4, 300, kinds=(), remote=remote, groups=0, pauses=2)
    assert not history.violation, str(history)
    assert history.held_back == 2, "otherwise nothing was held back"
    assert not history.moves.keys() & {"T7", "T8", "T10", "T11"}, "and nobody was cut short"


@MODES
def test_pauses_among_all_faults_lose_nothing(remote):
    history = simulate(7, 300, kinds=KINDS, remote=remote, pauses=2)
    assert not history.violation, str(history)
    assert history.statuses.total() == 300


@MODES
def test_the_simulation_sees_a_busy_replica_that_goes_on(monkeypatch, remote):
    """As it was when only idle replicas were let go."""
    decide = policy._close

    def idle_only(*args, **more):
        decision = decide(*args, **more)
        return policy.Decision(
            worker=decision.worker, retire=decision.retire, reason=decision.reason
        )

    monkeypatch.setattr(policy, "_close", idle_only)
    history = simulate(4, 300, kinds=(), remote=remote, groups=0, pauses=2)
    assert history.rule == "pause"
