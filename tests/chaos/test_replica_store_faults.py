"""The store fails for a while, a job comes back too late, a replica dies: nothing is lost."""

from __future__ import annotations

import random
import threading

from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus


class Flaky(SqliteStore):
    """Fails on purpose: ``broken`` always, ``odds`` by chance, ``forgets`` after the commit."""

    broken = False
    odds = 0.0
    forgets = False

    def __init__(self, database):
        super().__init__(database)
        self.rng = random.Random(11)
        self.failed = threading.Event()

    def move(self, job_id, move):
        if self.broken or self.rng.random() < self.odds:
            self.failed.set()
            raise ConnectionError("the store is out for lunch")
        done = super().move(job_id, move)
        if self.forgets:
            self.forgets = False
            self.failed.set()
            # What a remote store does whose answer is lost: the write stands.
            self._db._writer.execute("COMMIT")
            self._db._writer.execute("BEGIN IMMEDIATE")
            raise TimeoutError("no answer")
        return done


def test_a_result_survives_an_outage_of_the_store(rig_of, tmp_path):
    rig = rig_of("waits", store=Flaky)
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    rig.store.broken = True
    (tmp_path / "gate").touch()
    assert rig.store.failed.wait(60)
    assert rig.job(job_id).status is JobStatus.RUNNING
    rig.store.broken = False
    rig.output(job_id)
    assert rig.outcomes(job_id) == ["T6"]


def test_many_jobs_survive_a_store_that_fails_one_time_in_five(rig_of):
    rig = rig_of("two-slots", store=Flaky)
    rig.store.odds = 0.2
    ids = [rig.submit({"text": str(number)}) for number in range(40)]
    for number, job_id in enumerate(ids):
        assert rig.output(job_id) == {"text": str(number)}
        assert rig.outcomes(job_id).count("T6") == 1
    assert rig.store.failed.is_set()


def test_a_settlement_whose_answer_was_lost_counts_once(rig_of, tmp_path):
    rig = rig_of("waits", store=Flaky)
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    rig.store.forgets = True
    (tmp_path / "gate").touch()
    rig.output(job_id)
    rig.until(lambda: not rig.replica._slots.ids, "the replica to let go of the job")
    assert rig.outcomes(job_id) == ["T6"]
    assert rig.output(rig.submit({"text": "next"})) == {"text": "next"}


def test_a_lease_whose_answer_was_lost_is_handed_back_and_taken_again(rig_of):
    rig = rig_of("waits", store=Flaky)
    rig.until(lambda: rig.replica_row().stage == "ready")
    rig.store.forgets = True
    job_id = rig.submit({"text": "again"})
    assert rig.output(job_id) == {"text": "again"}
    assert rig.outcomes(job_id) == ["T9", "T6"]
    assert rig.job(job_id).attempts == 1


def test_a_replica_that_cannot_beat_stops_its_job_by_itself(rig_of, tmp_path):
    rig = rig_of("waits", store=Flaky, lease={"lease_s": 0.5, "beat_s": 0.1})
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "never")})
    rig.started(tmp_path / "started")
    rig.store.broken = True
    rig.until(lambda: not rig.replica._slots.ids, "the replica to fence itself off")
    rig.store.broken = False
    assert rig.job(job_id).status is JobStatus.RUNNING, "only upkeep may take it back"


def test_a_result_that_comes_too_late_is_dropped(rig_of, tmp_path):
    rig = rig_of("waits", lease={"beat_s": 3600, "lease_s": 7200})
    job_id = rig.submit({"started": str(tmp_path / "started"), "gate": str(tmp_path / "gate")})
    rig.started(tmp_path / "started")
    rig.rows.drains("replica-1")  # so that it does not take the job again itself
    assert rig.store.move(job_id, moves.lost(rig.job(job_id), now=rig.clock.now()))
    (tmp_path / "gate").touch()
    assert rig.gone() == 0
    assert rig.job(job_id).status is JobStatus.QUEUED
    assert rig.outcomes(job_id) == ["T10"]
