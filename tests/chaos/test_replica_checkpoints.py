"""A killed run goes on from what it saved last, and nothing of that outlives the job."""

from __future__ import annotations

import contextlib
import signal

import pytest

from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from pilotlight.errors import UnknownFile
from pilotlight.execution.checkpoints import key_of
from pilotlight.execution.orphans import AGE_S, Orphans
from tests.replica_rig import PATIENCE_S

WORKER = "resumes"


def gated(tmp_path, text):
    return {"text": text, "started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")}


def kept(rig, job_id):
    for fence in range(rig.job(job_id).fence, 0, -1):
        with contextlib.suppress(UnknownFile), rig.blobs.open(key_of(job_id, fence)) as file:
            return file.read().decode()
    return None


def gone(rig, job_id):
    return rig.until(lambda: kept(rig, job_id) is None, "the checkpoint to go")


def test_a_run_that_nothing_disturbs_saves_and_leaves_nothing_behind(rig_of):
    rig = rig_of(WORKER)
    job_id = rig.submit()

    assert rig.output(job_id)["text"] == "1by1 2by1 3by1 4by1 5by1 6by1"
    gone(rig, job_id)


def test_the_attempt_after_a_killed_one_goes_on_from_the_last_checkpoint(rig_of):
    rig = rig_of(WORKER)
    job_id = rig.submit({"text": "dies 5"})

    assert rig.output(job_id)["text"] == "1by1 2by1 3by1 4by1 5by2 6by2"
    assert rig.outcomes(job_id) == ["T7", "T6"]
    gone(rig, job_id)


def test_a_job_handed_back_by_a_leaving_replica_goes_on_at_the_next_one(rig_of, tmp_path):
    rig = rig_of(WORKER, replica={"grace_s": 1, "cancel_grace_s": 30})
    job_id = rig.submit(gated(tmp_path, "waits 3"))
    rig.started(tmp_path / "started")
    rig.leave()

    assert rig.job(job_id).status is JobStatus.QUEUED
    assert kept(rig, job_id) == "1by1 2by1"
    rig.start("replica-2")
    assert rig.output(job_id)["text"].split()[:2] == ["1by1", "2by1"]
    assert rig.outcomes(job_id)[-1] == "T6"
    gone(rig, job_id)


def test_a_job_that_heeds_the_notice_of_a_leaving_replica_loses_no_step(process_of, tmp_path):
    """A real SIGTERM: nothing was saved before it, and no step is done twice."""
    rig, process = process_of(WORKER, PILOTLIGHT_REPLICA__GRACE_S="60")
    job_id = rig.submit(gated(tmp_path, "heeds 3"))
    rig.started(tmp_path / "started")
    assert kept(rig, job_id) is None
    process.send_signal(signal.SIGTERM)

    assert process.wait(PATIENCE_S) == 0
    job = rig.job(job_id)
    assert (job.status, job.attempts, kept(rig, job_id)) == (JobStatus.QUEUED, 0, "1by1 2by1 3by1")
    rig.start("replica-2")
    assert rig.output(job_id)["text"] == "1by1 2by1 3by1 4by1 5by1 6by1"
    assert rig.lines(job_id) == [f"step {number}" for number in range(1, 7)]
    assert rig.outcomes(job_id) == ["T9", "T6"]


def test_a_job_known_to_be_too_long_is_still_left_time_to_save(rig_of, tmp_path):
    rig = rig_of(WORKER, replica={"grace_s": 30})
    rig.replica._slots.run_times.add(3600)
    job_id = rig.submit(gated(tmp_path, "heeds 3"))
    rig.started(tmp_path / "started")
    rig.leave()

    assert kept(rig, job_id) == "1by1 2by1 3by1"
    assert rig.outcomes(job_id) == ["T9"]


def test_nobody_hands_back_what_its_replica_would_keep(rig_of):
    rig = rig_of(WORKER)
    error = rig.error(rig.submit({"text": "shirks 2"}))

    assert "this replica is not leaving" in error["message"]


def test_an_attempt_that_lost_its_lease_leaves_the_checkpoint_to_the_next(rig_of, tmp_path):
    rig = rig_of(WORKER, lease={"beat_s": 3600, "lease_s": 7200})
    job_id = rig.submit(gated(tmp_path, "waits 4"))
    rig.started(tmp_path / "started")
    assert rig.store.move(job_id, moves.lost(rig.job(job_id), now=rig.clock.now()))
    rig.sender.poke(WORKER, job_id)

    # A run from nothing would wait at the gate again. A lost attempt is not counted.
    assert rig.output(job_id)["text"] == "1by1 2by1 3by1 4by1 5by1 6by1"
    gone(rig, job_id)


def test_the_checkpoint_of_a_cancelled_job_goes_with_it(rig_of, tmp_path):
    rig = rig_of(WORKER)
    job_id = rig.submit(gated(tmp_path, "waits 2"))
    rig.started(tmp_path / "started")
    assert kept(rig, job_id) == "1by1 2by1"
    rig.cancel(job_id)

    gone(rig, job_id)
    assert rig.job(job_id).status is JobStatus.CANCELLED


def test_what_a_job_left_that_ended_unseen_is_swept_as_a_file_without_a_row(rig_of, tmp_path):
    rig = rig_of(WORKER, replica={"grace_s": 1, "cancel_grace_s": 30})
    job_id = rig.submit(gated(tmp_path, "waits 2"))
    rig.started(tmp_path / "started")
    rig.leave()
    assert rig.store.move(job_id, moves.cancel(rig.job(job_id), now=rig.clock.now()))

    sweep, later = Orphans(store=rig.store, blobs=rig.blobs), rig.clock.now() + AGE_S + 60
    while not sweep(later):
        pass
    assert kept(rig, job_id) is None


class Fails(FolderBlobs):
    """Every put of a checkpoint."""

    def put(self, key, source, **more):
        if "/checkpoint/" in key:
            raise OSError("the store is away")
        return super().put(key, source, **more)


def test_a_blob_store_that_fails_costs_the_checkpoint_and_not_the_job(rig_of, monkeypatch):
    monkeypatch.setattr("pilotlight.execution.checkpoints._WAITS_S", (0.0,))
    rig = rig_of(WORKER, blobs=Fails)
    job_id = rig.submit()

    assert rig.output(job_id)["text"].endswith("6by1")
    assert any("could not be kept: OSError" in line for line in rig.lines(job_id))


def test_a_file_from_elsewhere_is_no_checkpoint(rig_of):
    rig = rig_of(WORKER)
    job_id = rig.submit({"text": "strays"})

    rig.ended(job_id)
    assert any("outside of context.folder" in line for line in rig.lines(job_id))
    assert kept(rig, job_id) is None


@pytest.mark.parametrize("worker", ["keeps-notes"])
def test_nothing_is_looked_for_where_a_worker_has_no_checkpoints(rig_of, worker):
    looked = []

    class Watched(FolderBlobs):
        def local_copy(self, key, folder):
            looked.append(key)
            return super().local_copy(key, folder)

    rig = rig_of(worker, blobs=Watched)

    assert rig.output(rig.submit({"text": "dies"}))
    assert looked == []
