from __future__ import annotations

import json
import random
from dataclasses import asdict

import pytest

from pilotlight.contracts.job import JobError
from pilotlight.errors import (
    InvalidInput,
    OutOfMemory,
    Problem,
    ReplicaFailure,
    RunTimeout,
    WorkerError,
)
from pilotlight.execution.retry import GPU_ERROR, Failure, GiveUp, Retry, RetryBudget, decide


class Longest(random.Random):
    """Chance that always draws the upper end: shows the cap of a delay."""

    def uniform(self, a, b):
        return b


class Later(WorkerError):
    code = "upstream_busy"
    retryable = True


def decided(failure, attempt=1, max_attempts=10, **more):
    return decide(failure, attempt=attempt, max_attempts=max_attempts, rng=Longest(), **more)


@pytest.mark.parametrize(
    "failure",
    [
        Failure.of(InvalidInput("no")),
        Failure(JobError("worker_error", "ValueError: no")),
        Failure.of(RunTimeout("too long")),
    ],
    ids=["bad input", "plain exception", "timeout"],
)
def test_what_would_end_alike_is_not_tried_again(failure):
    assert isinstance(decided(failure), GiveUp)


def test_the_machines_fault_is_tried_again_soon_and_at_most_a_minute_later():
    delays = [decided(Failure.of(ReplicaFailure("died")), attempt).delay_s for attempt in (1, 2, 9)]
    assert delays == [1, 2, 60]


def test_what_a_worker_calls_retryable_waits_longer_and_at_most_a_quarter_of_an_hour():
    delays = [decided(Failure.of(Later("busy")), attempt).delay_s for attempt in (1, 2, 9)]
    assert delays == [10, 20, 900]


def test_delays_are_spread_over_the_whole_interval():
    rng = random.Random(3)
    failure = Failure.of(Later("busy"))
    drawn = [decide(failure, attempt=1, max_attempts=4, rng=rng).delay_s for _ in range(200)]
    assert min(drawn) < 1
    assert max(drawn) > 9


def test_the_last_attempt_is_the_last():
    failure = Failure.of(ReplicaFailure("died"))
    assert isinstance(decided(failure, attempt=3, max_attempts=4), Retry)
    assert isinstance(decided(failure, attempt=4, max_attempts=4), GiveUp)


def test_out_of_memory_is_tried_once_with_the_flag():
    failure = Failure.of(OutOfMemory("no room"))
    assert decided(failure).low_memory
    assert isinstance(decided(failure, attempt=2, low_memory=True), GiveUp)


def test_a_gpu_error_is_tried_once():
    failure = Failure(JobError(GPU_ERROR, "illegal memory access"), retryable=True)
    assert isinstance(decided(failure, attempt=1), Retry)
    assert isinstance(decided(failure, attempt=2), GiveUp)


def test_a_failure_crosses_the_pipe_with_its_problems():
    problem = Problem(("body", "items", 0), "too long", "too_long", {"max": 3}, "abcd")
    failure = Failure.of(InvalidInput("no", problem))
    sent = json.loads(json.dumps(asdict(failure.error)))
    assert Failure.from_event(sent, retryable=False) == failure


def test_retries_beyond_a_tenth_of_the_first_attempts_and_ten_a_minute_are_refused():
    budget = RetryBudget()
    for _ in range(100):
        budget.started(0)
    spent = [budget.spend(1) for _ in range(61)]
    assert spent == [True] * 60 + [False]  # a tenth of 100, and 10 a minute for 5 minutes


def test_the_budget_comes_back_after_five_minutes():
    budget = RetryBudget(floor_per_minute=1)
    assert [budget.spend(0) for _ in range(6)][-1] is False
    assert budget.spend(299) is False
    assert budget.spend(300) is True
