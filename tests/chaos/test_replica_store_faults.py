"""The store fails for a while, a job comes back too late, a replica dies: nothing is lost."""

from __future__ import annotations

import random
import threading

from pilotlight.adapters.local.feed import SqliteFeed
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus


class Flaky(SqliteStore):
    """Fails on purpose: ``broken`` always, ``odds`` by chance, ``forgets`` after one commit."""

    broken = False
    odds = 0.0
    forgets = ""
    """Name of the transition."""

    def __init__(self, database):
        super().__init__(database)
        self.rng = random.Random(11)
        self.failed = threading.Event()

    def move(self, job_id, move):
        if self.broken or self.rng.random() < self.odds:
            self.failed.set()
            raise ConnectionError("the store is out for lunch")
        done = super().move(job_id, move)
        if done is not None and move.transition.name == self.forgets:
            self.forgets = ""
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


def test_many_jobs_survive_a_store_that_fails_one_time_in_ten(rig_of):
    rig = rig_of("two-slots", store=Flaky)
    rig.store.odds = 0.1
    ids = [rig.submit({"text": str(number)}) for number in range(25)]
    for number, job_id in enumerate(ids):
        assert rig.output(job_id) == {"text": str(number)}
        assert rig.outcomes(job_id).count("T6") == 1
    assert rig.store.failed.is_set()


def test_a_settlement_whose_answer_was_lost_counts_once_and_keeps_its_files(rig_of):
    rig = rig_of("saves-files", store=Flaky)
    rig.store.forgets = "T6"
    job_id = rig.submit({"text": "hello"})
    rig.output(job_id)
    rig.until(lambda: not rig.replica._slots.ids, "the replica to let go of the job")
    assert rig.store.failed.is_set()
    assert rig.outcomes(job_id) == ["T6"]
    rig.leave()
    assert rig.blobs.info(f"results/{job_id}/1/picture.png").size == 5


def test_a_lease_whose_answer_was_lost_is_handed_back_and_taken_again(rig_of):
    rig = rig_of("waits", store=Flaky)
    rig.store.forgets = "T3"
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


class DeafFeed(SqliteFeed):
    """A feed that takes nothing."""

    def append(self, entries):
        raise ConnectionError("the feed is full")


def test_a_feed_that_fails_keeps_no_job_from_its_end(rig_of):
    rig = rig_of("prints", feed=DeafFeed)
    assert rig.output(rig.submit()) == {"text": "printed"}
    assert rig.output(rig.submit()) == {"text": "printed"}


def test_a_job_is_taken_the_moment_it_is_sent(rig_of):
    rig = rig_of("waits", replica={"tick_s": 3600})
    rig.until(lambda: rig.replica_row().stage == "ready")
    rig.output(rig.submit())
    rig.output(rig.submit())


def test_a_job_whose_wake_up_was_lost_is_found_at_the_next_tick(rig_of):
    rig = rig_of("waits", replica={"tick_s": 0.05})
    rig.until(lambda: rig.replica_row().stage == "ready")
    rig.output(rig.submit())
    rig.output(rig.submit(send=False))


def test_a_large_input_passes_and_a_large_output_too(rig_of):
    rig = rig_of("waits")
    text = "x" * 5_000_000
    assert rig.output(rig.submit({"text": text})) == {"text": text}


def test_a_job_is_never_leased_to_two_replicas(rig_of, tmp_path):
    rig = rig_of("waits")
    rig.start("replica-2")
    ids = [rig.submit({"text": str(number)}) for number in range(60)]
    for job_id in ids:
        rig.output(job_id)
        assert rig.outcomes(job_id) == ["T6"]
        assert rig.job(job_id).fence == 1
