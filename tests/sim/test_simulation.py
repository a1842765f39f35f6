"""Thirty seeds of a thousand jobs each; `make soak` runs a thousand seeds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.faults import KINDS
from tests.sim.history import simulate, swarm

JOBS = 1000


@pytest.mark.parametrize("seed", range(30))
def test_every_invariant_holds_through_a_thousand_jobs_and_all_kinds_of_faults(seed):
    history = simulate(seed, JOBS)
    assert not history.violation, str(history)
    assert history.statuses.total() == JOBS


def test_every_kind_of_fault_is_met_by_some_of_these_seeds():
    met = {kind for seed in range(30) for kind in swarm(seed)[1]}
    assert met == set(KINDS)


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_without_faults_every_job_takes_one_attempt_and_one_webhook(remote):
    history = simulate(1, 200, kinds=(), remote=remote, groups=0)
    assert not history.violation, str(history)
    assert set(history.statuses) <= {"succeeded", "expired"}
    assert history.costs["runs"] == history.statuses["succeeded"]
    assert history.costs["webhooks_doubled"] == history.costs["orphan_files"] == 0
    assert not history.moves.keys() & {"T7", "T8", "T9", "T10", "T11", "T12", "T14"}


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_all_faults_together_strike_and_are_survived(remote):
    history = simulate(7, 300, kinds=KINDS, remote=remote)
    assert not history.violation, str(history)
    assert {"kills", "pauses", "cancels", "throttled", "unanswered"} <= history.faults.keys()
    assert {"T7", "T9", "T10", "T12", "T16"} <= history.moves.keys()


@pytest.mark.parametrize("seed", [2, 3], ids=["local", "remote"])
def test_a_seed_gives_the_same_history_again_in_another_process(seed):
    first = simulate(seed, 150)
    assert first.hash == simulate(seed, 150).hash
    for hash_seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-m", "tests.sim", "replay", str(seed), "150", "--lines", "0"],
            env={"PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.split()[-1] == first.hash


def test_another_seed_gives_another_history():
    assert simulate(2, 50).hash != simulate(4, 50).hash
