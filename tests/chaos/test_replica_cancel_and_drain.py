"""A replica lets go of jobs: cancelled ones at once, the others without losing an attempt."""

from __future__ import annotations

import os

from pilotlight.adapters.local.queue import TableQueueReceiver
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus


def queued_again(rig, job_id):
    """The row as handed back: free for others, the attempt not counted."""
    job = rig.job(job_id)
    assert job.status is JobStatus.QUEUED
    assert (job.attempts, job.owner, job.lease_until) == (0, None, None)
    return job


def test_a_cancelled_job_stops_between_two_steps_and_the_process_lives_on(rig_of, tmp_path):
    rig = rig_of("waits", lease={"beat_s": 3600, "lease_s": 7200})
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    pid = rig.replica._keeper.pid
    rig.cancel(job_id)
    rig.until(lambda: not rig.replica._slots.ids, "the replica to let go of the job")
    assert rig.job(job_id).status is JobStatus.CANCELLED
    assert rig.output(rig.submit({"text": "next"})) == {"text": "next"}
    assert rig.replica._keeper.pid == pid


def test_the_hint_of_a_job_that_was_taken_from_its_replica_is_let_go(rig_of, tmp_path, monkeypatch):
    """Else it lies in the replica's memory for good, and comes to others again."""
    acked = []
    monkeypatch.setattr(TableQueueReceiver, "ack", lambda _, delivery: acked.append(delivery))
    rig = rig_of("waits", lease={"beat_s": 3600, "lease_s": 7200})
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    rig.cancel(job_id)
    rig.until(lambda: not rig.replica._slots.ids, "the replica to let go of the job")
    assert [delivery.job_id for delivery in acked] == [job_id]


def test_a_job_deaf_to_its_cancellation_dies_with_its_process(rig_of, tmp_path):
    never = {"beat_s": 3600, "lease_s": 7200}  # only the poke tells the replica
    rig = rig_of("ignores-cancel", replica={"cancel_grace_s": 0.1}, lease=never)
    job_id = rig.submit({"started": str(tmp_path / "started")})
    rig.started(tmp_path / "started")
    pid = rig.replica._keeper.pid
    rig.cancel(job_id)
    assert rig.output(rig.submit({"text": "answer"})) == {"text": "answered"}
    assert rig.replica._keeper.pid != pid
    assert rig.job(job_id).status is JobStatus.CANCELLED


def test_a_neighbour_of_a_killed_job_runs_again_without_losing_an_attempt(rig_of, tmp_path):
    rig = rig_of("two-slots", replica={"cancel_grace_s": 0.1})
    deaf = {"text": "deaf", "started": str(tmp_path / "deaf"), "gate": str(tmp_path / "never")}
    good = {"text": "good", "started": str(tmp_path / "good"), "gate": str(tmp_path / "gate")}
    deaf_id, good_id = rig.submit(deaf), rig.submit(good)
    rig.started(tmp_path / "deaf")
    rig.started(tmp_path / "good")
    rig.cancel(deaf_id)
    rig.until(lambda: rig.outcomes(good_id) == ["T9"], "the neighbour to be handed back")
    (tmp_path / "gate").touch()
    assert rig.output(good_id) == {"text": "good"}
    assert rig.job(good_id).attempts == 1
    assert rig.outcomes(good_id) == ["T9", "T6"]


def test_a_coroutine_is_cancelled_even_if_it_never_looks(rig_of, tmp_path):
    rig = rig_of("async-run")
    rig.until(lambda: rig.replica_row().stage == "ready")
    pid = rig.replica._keeper.pid
    job_id = rig.submit({"text": "first", "started": str(tmp_path / "started")})
    rig.started(tmp_path / "started")
    rig.cancel(job_id)
    rig.until(lambda: not rig.replica._slots.ids, "the replica to let go of the job")
    assert rig.output(rig.submit({"text": "second"})) == {"text": "second"}
    assert rig.replica._keeper.pid == pid


def test_a_lost_lease_stops_the_job_at_the_next_beat(rig_of, tmp_path):
    rig = rig_of("waits", lease={"beat_s": 0.2, "lease_s": 60})
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    job = rig.job(job_id)
    reaped = rig.store.move(job_id, moves.lost(job, now=rig.clock.now()))
    while reaped is None:  # a beat came between
        job = rig.job(job_id)
        reaped = rig.store.move(job_id, moves.lost(job, now=rig.clock.now()))
    rig.until(lambda: rig.job(job_id).fence > reaped.fence, "the job to be leased anew")
    (tmp_path / "gate").touch()
    rig.output(job_id)
    assert rig.outcomes(job_id) == ["T10", "T6"]


def test_a_job_that_came_back_waits_for_its_older_attempt_to_stop(rig_of, tmp_path):
    rig = rig_of("two-slots", replica={"cancel_grace_s": 3600})
    job_input = {"text": "deaf", "started": str(tmp_path / "started"), "gate": str(tmp_path / "g")}
    job_id = rig.submit(job_input)
    rig.started(tmp_path / "started")
    reaped = rig.store.move(job_id, moves.lost(rig.job(job_id), now=rig.clock.now()))
    rig.sender.poke("two-slots", job_id)
    assert rig.output(rig.submit({"text": "other"})) == {"text": "other"}
    assert rig.job(job_id).fence == reaped.fence, "leased while the older attempt still runs"
    (tmp_path / "g").touch()
    rig.output(job_id)
    assert rig.outcomes(job_id) == ["T10", "T6"]


def test_beats_keep_the_lease_and_carry_the_progress(rig_of, tmp_path):
    rig = rig_of("waits", lease={"beat_s": 0.2, "lease_s": 60})
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    first = rig.job(job_id).lease_until
    rig.until(lambda: rig.job(job_id).lease_until > first, "a beat")
    rig.until(lambda: rig.job(job_id).progress == 0.5, "the progress")
    (tmp_path / "gate").touch()
    rig.output(job_id)


def test_an_idle_replica_leaves_at_once_and_says_so(rig_of):
    rig = rig_of("waits")
    rig.until(lambda: rig.replica_row().stage == "ready")
    assert rig.leave() == 0
    assert rig.replica_row().stage == "gone"
    assert not (rig.folder / "scratch" / "replica-1").exists()


def test_a_replica_that_still_loads_leaves_at_once(rig_of):
    rig = rig_of("slow-load")
    assert rig.leave() == 0
    assert rig.replica_row().stage == "gone"


def test_a_drain_waits_for_a_job_that_may_make_it(rig_of, tmp_path):
    rig = rig_of("waits", replica={"grace_s": 600})
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    rig.replica.stop()
    rig.until(lambda: rig.replica_row().stage == "draining")
    later = rig.submit({"text": "not here"})
    (tmp_path / "gate").touch()
    assert rig.gone() == 0
    assert rig.job(job_id).status is JobStatus.SUCCEEDED
    assert rig.job(later).fence == 0


def test_a_second_signal_hands_everything_back_now(rig_of, tmp_path):
    rig = rig_of("ignores-cancel", replica={"grace_s": 600})
    job_id = rig.submit({"started": str(tmp_path / "started")})
    rig.started(tmp_path / "started")
    rig.replica.stop()
    rig.until(lambda: rig.replica_row().stage == "draining")
    assert rig.job(job_id).status is JobStatus.RUNNING
    assert rig.leave() == 0
    queued_again(rig, job_id)


def test_a_drain_hands_back_what_did_not_make_it_before_the_grace_ends(rig_of, tmp_path):
    rig = rig_of("ignores-cancel", replica={"grace_s": 1})
    job_id = rig.submit({"started": str(tmp_path / "started")})
    rig.started(tmp_path / "started")
    assert rig.leave() == 0
    queued_again(rig, job_id)
    assert rig.replica_row().stage == "gone"


def test_a_job_known_to_be_too_long_is_handed_back_at_once(rig_of, tmp_path):
    rig = rig_of("waits", replica={"grace_s": 600})
    rig.replica._slots.run_times.add(10_000)
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    assert rig.leave() == 0
    queued_again(rig, job_id)


def test_a_handed_back_job_is_taken_by_another_replica(rig_of, tmp_path):
    rig = rig_of("waits", replica={"grace_s": 600})
    rig.replica._slots.run_times.add(10_000)
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    rig.leave()
    rig.start("replica-2")
    (tmp_path / "gate").touch()
    rig.output(job_id)
    assert rig.job(job_id).owner == "replica-2"
    assert rig.outcomes(job_id) == ["T9", "T6"]


def test_the_death_of_the_supervisor_drains_the_replica(rig_of):
    reading, writing = os.pipe()
    rig = rig_of("waits", start=False)
    rig.start(supervisor_fd=reading)
    rig.until(lambda: rig.replica_row().stage == "ready")
    os.close(writing)
    assert rig.gone() == 0
    os.close(reading)


def test_a_retired_replica_leases_nothing_and_leaves(rig_of):
    rig = rig_of("waits")
    rig.until(lambda: rig.replica_row().stage == "ready")
    assert rig.rows.retire("replica-1")
    job_id = rig.submit()
    assert rig.gone() == 0
    assert rig.job(job_id).status is JobStatus.QUEUED
    assert rig.replica_row().stage == "gone"


def test_a_replica_that_drains_finishes_its_job_and_begins_no_other(rig_of, tmp_path):
    """A paused worker with a backlog: nobody is cut short, and nothing more begins."""
    rig = rig_of("waits")
    held = rig.submit(
        {"text": "held", "started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")}
    )
    rig.started(tmp_path / "started")
    waits = rig.submit({"text": "waits"})

    assert rig.rows.drains("replica-1")
    (tmp_path / "gate").touch()

    assert rig.gone() == 0
    assert rig.job(held).status is JobStatus.SUCCEEDED
    assert (rig.job(waits).status, rig.job(waits).attempts) == (JobStatus.QUEUED, 0)
