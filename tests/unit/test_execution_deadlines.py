from __future__ import annotations

import pytest

from pilotlight.execution.deadlines import LeaseTimes, RunTimes, fits, lease_times
from pilotlight.settings import LeaseSettings


def test_short_jobs_get_half_the_lease_and_half_the_beat():
    settings = LeaseSettings()
    assert lease_times(settings, expected_s=29.9) == LeaseTimes(30, 7.5)
    assert lease_times(settings, expected_s=30) == LeaseTimes(60, 15)


def test_the_expected_run_time_is_the_median_of_the_newest():
    times = RunTimes()
    assert times.expected() is None
    for run_s in [1000.0] * 40 + [1, 2, 3] * 10:
        times.add(run_s)
    assert times.expected() == 2


@pytest.mark.parametrize(
    ("elapsed_s", "expected_s", "left_s", "stays"),
    [
        (0, 8, 10, True),
        (0, 8.1, 10, False),
        (5, 13, 10, True),
        (20, 13, 10, True),
        (3, None, 10, True),
        (3, None, 0, False),
    ],
    ids=["fits", "does not fit", "has run a while", "outran the median", "unknown", "no time left"],
)
def test_a_draining_replica_waits_for_what_fits_into_four_fifths_of_the_grace(
    elapsed_s, expected_s, left_s, stays
):
    assert fits(elapsed_s=elapsed_s, expected_s=expected_s, left_s=left_s) is stays
