from __future__ import annotations

import pytest

from pilotlight.ports.fleet import Replica
from pilotlight.scaling.backoff import Backoff, backoff_of, wait_s
from pilotlight.settings.scaling import ScalingSettings

LIMITS = ScalingSettings(start_backoff_s=2, max_backoff_s=300)


def failed(asked_at, ended_at, error="no"):
    return Replica(
        id=f"f{asked_at}", worker="flux", stage="failed", asked_at=asked_at, ended_at=ended_at,
        error=error,
    )  # fmt: skip


def served(asked_at):
    return Replica(
        id=f"s{asked_at}", worker="flux", stage="gone", asked_at=asked_at, ready_at=asked_at + 1
    )


def test_without_a_failure_nothing_waits():
    assert backoff_of([served(1)], LIMITS) == Backoff()


@pytest.mark.parametrize(
    ("failures", "expected"),
    [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (10_000, 300)],
    ids=str,
)
def test_the_wait_doubles_up_to_its_limit(failures, expected):
    assert wait_s(failures, LIMITS) == expected


def test_failures_in_a_row_add_up_and_the_newest_speaks():
    backoff = backoff_of([failed(0, 1), failed(4, 5), failed(10, 11, "no GPU")], LIMITS)

    assert backoff == Backoff(3, 11 + 8, "no GPU")


def test_replicas_that_failed_together_are_one_failure():
    assert backoff_of([failed(0, 3), failed(1, 2), failed(2, 4)], LIMITS).failures == 1


def test_a_replica_that_served_ends_the_row():
    assert backoff_of([failed(0, 1), failed(4, 5), served(10)], LIMITS) == Backoff()
    assert backoff_of([served(0), failed(4, 5)], LIMITS).failures == 1


def test_one_that_still_loads_neither_ends_nor_adds():
    loading = Replica(id="l", worker="flux", stage="loading", asked_at=9)

    assert backoff_of([failed(0, 1), loading], LIMITS).failures == 1


def test_a_failure_without_words_still_has_some():
    assert backoff_of([failed(0, 1, None)], LIMITS).error
