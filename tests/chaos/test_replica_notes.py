"""What an attempt keeps for the next one: durable before it goes on, and only while it may."""

from __future__ import annotations

import json
import random

import pytest

from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobError, JobStatus
from pilotlight.execution.retry import Failure, Retry, decide
from tests.replica_rig import PATIENCE_S

WORKER = "keeps-notes"


def gated(tmp_path, **more):
    return {"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate"), **more}


def test_the_next_attempt_of_a_killed_child_finds_what_the_first_one_kept(rig_of):
    rig = rig_of(WORKER)
    job_id = rig.submit({"text": "dies"})

    assert rig.output(job_id)["text"].startswith("[1, 2]")
    assert json.loads(rig.job(job_id).note) == [1, 2]
    assert rig.outcomes(job_id) == ["T7", "T6"]


def test_the_note_is_in_the_row_while_the_run_goes_on(rig_of, tmp_path):
    rig = rig_of(WORKER)
    job_id = rig.submit(gated(tmp_path))
    rig.started(tmp_path / "started")

    held = rig.job(job_id)

    assert (held.status, held.note) == (JobStatus.RUNNING, "[1]")
    (tmp_path / "gate").touch()
    rig.ended(job_id)


def test_a_store_that_fails_for_a_while_delays_the_note_and_loses_nothing(rig_of):
    class Fails(SqliteStore):
        left = 3

        def move(self, job_id, move):
            if move.transition.name == "T20" and Fails.left:
                Fails.left -= 1
                raise OSError("the disk is away")
            return super().move(job_id, move)

    rig = rig_of(WORKER, store=Fails)

    assert rig.output(rig.submit())["text"].startswith("[1]")
    assert Fails.left == 0


def test_a_run_knows_what_its_caller_called_and_how_long_it_may_take(rig_of):
    rig = rig_of(WORKER)

    assert rig.output(rig.submit(run_timeout_s=77.0))["text"].startswith(
        "[1] misbehaving/keeps-notes 77"
    )


def test_a_note_too_long_for_the_row_is_the_workers_error(rig_of):
    rig = rig_of(WORKER)

    assert (
        "5000 characters; 4096 are kept" in rig.error(rig.submit({"text": "too long"}))["message"]
    )


def test_a_note_that_no_row_can_take_is_the_workers_error_and_not_the_replicas_end(rig_of):
    rig = rig_of(WORKER)

    message = rig.error(rig.submit({"text": "half a character"}))["message"]

    assert "UTF-8" in message
    assert rig.output(rig.submit())["text"].startswith("[1]")


def left(tmp_path):
    """What the run said when it ended; None where it was killed before it could."""
    path = tmp_path / "gate.left"
    return (path.read_text() or None) if path.exists() else None


def test_a_cancelled_run_is_told_that_the_job_is_over(rig_of, tmp_path):
    rig = rig_of(WORKER)
    job_id = rig.submit(gated(tmp_path))
    rig.started(tmp_path / "started")
    rig.cancel(job_id)

    assert rig.until(lambda: left(tmp_path), "the run to stop") == "over=True"


class Later(SystemClock):
    """Ahead of its time by so many seconds."""

    ahead_s = 0.0

    def now(self):
        return super().now() + self.ahead_s

    def monotonic(self):
        return super().monotonic() + self.ahead_s


def test_a_run_out_of_time_is_told_that_the_job_is_over(rig_of, tmp_path):
    rig = rig_of(WORKER, start=False)
    rig.clock = Later()
    rig.start()
    job_id = rig.submit(gated(tmp_path), run_timeout_s=50)
    rig.started(tmp_path / "started")
    rig.clock.ahead_s = 51  # less than a silent process is given

    assert rig.error(job_id)["code"] == "run_timeout"
    assert rig.until(lambda: left(tmp_path), "the run to stop") == "over=True"


def test_a_run_whose_replica_leaves_is_told_that_another_goes_on(rig_of, tmp_path):
    rig = rig_of(WORKER, replica={"grace_s": 1, "cancel_grace_s": 30})
    job_id = rig.submit(gated(tmp_path))
    rig.started(tmp_path / "started")
    rig.leave()

    assert rig.job(job_id).status is JobStatus.QUEUED
    assert rig.job(job_id).note == "[1]"
    assert left(tmp_path) in (None, "over=False")  # None: killed with its replica


def test_a_lost_lease_is_no_end_of_the_job(rig_of, tmp_path):
    rig = rig_of(WORKER, lease={"beat_s": 3600, "lease_s": 7200})
    job_id = rig.submit(gated(tmp_path))
    rig.started(tmp_path / "started")
    assert rig.store.move(job_id, moves.lost(rig.job(job_id), now=rig.clock.now()))
    rig.sender.poke(WORKER, job_id)

    assert rig.until(lambda: left(tmp_path), "the run to stop") == "over=False"
    (tmp_path / "gate").touch()
    assert rig.output(job_id)["text"].startswith("[1, 1]")


def test_a_worker_that_says_when_to_come_back_is_left_alone_until_then(rig_of):
    rig = rig_of(WORKER)
    job_id = rig.submit({"text": "busy"})
    rig.ended(job_id)
    first, second = rig.store.attempts_of(job_id)

    assert (first.outcome, second.outcome) == ("T7", "T6")
    assert second.started_at - first.ended_at >= 0.4


@pytest.mark.parametrize(("after_s", "least"), [(0, 0), (120, 120), (10**9, 3600)])
def test_the_wait_that_a_failure_asks_for_is_kept_within_an_hour(after_s, least):
    failure = Failure(JobError("busy", "later"), retryable=True, retry_after_s=after_s)

    decided = decide(failure, attempt=1, max_attempts=4, rng=random.Random(3))

    assert isinstance(decided, Retry)
    assert least <= decided.delay_s <= least + 10


def test_what_a_job_began_elsewhere_is_ended_when_its_last_child_dies(process_of):
    """A child that is dead can end nothing: its parent has the worker do it."""
    rig, _ = process_of(WORKER)
    job_id = rig.submit({"text": "dies"}, max_attempts=1)

    assert rig.error(job_id)["code"] == "replica_failure"
    assert rig.until(lambda: rig.lines(job_id), "the word of it") == [
        "let go of [1] at misbehaving/keeps-notes"
    ]


def test_a_child_that_dies_and_is_followed_by_another_lets_nothing_go(process_of):
    rig, process = process_of(WORKER)
    job_id = rig.submit({"text": "dies"})

    assert rig.output(job_id)["text"].startswith("[1, 2]")
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
    assert rig.lines(job_id) == []
