from __future__ import annotations

import pytest

from pilotlight.contracts.job import JobStatus
from pilotlight.intake.cold_start import ColdStage
from pilotlight.intake.control import View
from pilotlight.intake.eta import eta_s

RUNNING, QUEUED = JobStatus.RUNNING, JobStatus.QUEUED


@pytest.fixture
def left(make_job, clock):
    def left(position=None, cold=None, usual_s=10.0, slots=1, **changes):
        job = make_job(**changes)
        return eta_s(View(job, position, cold), usual_s=usual_s, slots=slots, now=clock.now())

    return left


def test_a_running_job_tells_by_its_progress_and_before_that_by_others(left, clock):
    began = clock.now()
    clock.sleep(4)

    assert left(status=RUNNING, started_at=began, progress=0.25) == 12.0
    assert left(status=RUNNING, started_at=began, progress=0.0) == 6.0
    assert left(status=RUNNING, started_at=began, usual_s=1.0) == 0.0
    assert left(status=RUNNING, started_at=began, usual_s=None) is None
    assert left(status=RUNNING, started_at=began, progress=1.0) == 0.0


def test_a_waiting_job_waits_for_those_before_it_slot_by_slot(left):
    assert [left(position, status=QUEUED) for position in (0, 1, 5)] == [10.0, 20.0, 60.0]
    assert [left(position, slots=4, status=QUEUED) for position in (0, 3, 4)] == [10.0, 10.0, 20.0]
    assert left(0, status=QUEUED, usual_s=None) is None


def test_a_cold_start_comes_first_and_one_nobody_knows_hides_all(left):
    assert left(1, ColdStage("loading", 30.0), status=QUEUED) == 50.0
    assert left(0, ColdStage("starting", None), status=QUEUED) is None


def test_a_job_in_its_backoff_waits_for_that(left, clock):
    assert left(0, status=JobStatus.RETRYING, not_before=clock.now() + 5) == 15.0


def test_a_job_that_is_over_has_nothing_left(left):
    assert left(status=JobStatus.SUCCEEDED) is None
