"""Messages that SQS gave up on, and what becomes of their jobs."""

from __future__ import annotations

import logging
import time

import pytest

from pilotlight.adapters.aws import queues
from pilotlight.adapters.aws.dead_letters import SqsDeadLetters
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobStatus
from pilotlight.execution.dead_letters import Undertaker
from tests.sqs_stage import WORKERS, received, until

LEASE = {"lease_s": 60, "margin_s": 10}
HOOK = "https://example.org/hook"


class Told:
    def __init__(self):
        self.job_ids = []

    def changed(self, job_ids):
        self.job_ids += job_ids


@pytest.fixture
def store(tmp_path):
    database = Database(tmp_path / "jobs.db")
    yield SqliteStore(database)
    database.close()


@pytest.fixture
def bury(stage_of, store, clock):
    """Send these as dead letters and look once; the stage's counts come with the fates."""
    stage, told = stage_of(), Told()
    letters = SqsDeadLetters(stage.client, [stage.dead_url])
    undertaker = Undertaker(letters, store, told, orphan_s=900)

    def look(*job_ids, now=None, body=None):
        sender = stage.client.send_message
        for job_id in job_ids:
            stage.send(job_id)
            (message,) = stage.client.receive_message(QueueUrl=stage.url)["Messages"]
            sender(QueueUrl=stage.dead_url, MessageBody=message["Body"])
        if body is not None:
            sender(QueueUrl=stage.dead_url, MessageBody=body)
        return undertaker(clock.now() if now is None else now), stage.counts(stage.dead_url)

    look.told = told
    return look


def create(store, make_job, **changes):
    job = make_job(status=JobStatus.QUEUED, webhook=HOOK, **changes)
    store.create([job])
    return job


def test_a_finished_job_owes_nothing_to_its_letter(bury, store, make_job, clock):
    job = create(store, make_job)
    store.move(job.id, moves.cancel(job, now=clock.now()))
    before = store.get(job.id)

    assert bury(job.id) == ({"over": 1}, (0, 0))
    assert store.get(job.id) == before


def test_a_job_that_a_replica_holds_is_left_to_its_lease(bury, store, make_job, clock):
    job = create(store, make_job)
    held = store.move(job.id, moves.lease(owner="r1", now=clock.now(), **LEASE))

    assert bury(job.id) == ({"held": 1}, (0, 0))
    assert store.get(job.id) == held


def test_a_job_that_waits_is_due_now(bury, store, make_job, clock):
    job = create(store, make_job)
    clock.sleep(5)

    assert bury(job.id) == ({"again": 1}, (0, 0))
    assert [due.id for due in store.due(now=clock.now())] == [job.id]
    assert store.get(job.id).attempts == job.attempts


@pytest.mark.parametrize("spent", [{"attempts": 4}, {"losses": 3}])
def test_a_job_without_an_attempt_left_fails_and_its_webhook_is_due(
    bury, store, make_job, clock, spent
):
    job = create(store, make_job, **spent)

    assert bury(job.id) == ({"failed": 1}, (0, 0))
    after = store.get(job.id)
    assert (after.status, after.webhook_due) == (JobStatus.FAILED, clock.now())
    assert '"code":"dead_letter"' in after.error
    assert after.fence > job.fence
    assert bury.told.job_ids == [job.id]


def test_a_letter_without_a_row_is_kept_for_a_while_and_then_recorded(bury, caplog, clock):
    caplog.set_level(logging.INFO, logger="pilotlight")
    logging.getLogger("pilotlight").propagate = True
    sent = time.time()
    assert bury("nobody", now=sent + 800) == ({"young": 1}, (0, 1))
    assert bury("nobody-2", now=sent + 1000) == ({"orphan": 1}, (0, 1))
    audited = [one.fields for one in caplog.records if one.getMessage() == "audit.dead_letter"]
    told = {one["job_id"]: one["fate"] for one in audited}
    assert told["nobody-2"] == "orphan"
    assert "nobody" not in told


def test_a_letter_that_nobody_can_read_is_recorded_and_dropped(bury):
    assert bury(body="not a message of ours") == ({"unreadable": 1}, (0, 0))


def test_a_message_that_six_receivers_did_not_settle_becomes_a_letter(
    stage_of, store, make_job, clock
):
    stage = stage_of(max_receives=6)
    job = create(store, make_job)
    stage.send(job.id)
    with stage.receiver("loop") as receiver:
        for _ in range(6):
            (delivery,) = received(receiver)
            receiver.release(delivery)
        receiver.receive(limit=1)
        until(lambda: stage.counts(stage.dead_url)[0] == 1, "the redrive")
    letters = SqsDeadLetters(stage.client, [stage.dead_url])
    undertaker = Undertaker(letters, store, Told(), orphan_s=900)

    assert undertaker(clock.now()) == {"again": 1}


def test_every_workers_letters_are_found_behind_those_that_nobody_may_drop_yet(stage_of, clock):
    """More than one look reads of one worker's queue do not hide the other's."""
    stage = stage_of()
    dead = {name: queues.dead_letter_url(stage.settings, name) for name in WORKERS}
    for number in range(12):
        stage.client.send_message(QueueUrl=dead["echo"], MessageBody=f"young {number}")
    stage.client.send_message(QueueUrl=dead["other"], MessageBody="the other's")
    letters = SqsDeadLetters(stage.client, list(dead.values()))

    counts = [len(letters.receive(limit=10)) for _ in range(2)]
    assert counts == [10, 1]
    (left,) = letters.receive(limit=1)
    letters.drop(left)
    until(lambda: stage.counts(dead["echo"]) == (1, 10), "one letter to go")
    assert stage.counts(dead["other"]) == (0, 1)


def test_an_operator_sees_of_each_pair_what_waits_what_died_and_what_is_missing(stage_of):
    stage = stage_of()
    assert queues.look(stage.client, stage.settings, "echo") == (0, 0, None)
    stage.send("job-1", "job-2")
    stage.client.send_message(QueueUrl=stage.dead_url, MessageBody="a letter")
    assert queues.look(stage.client, stage.settings, "echo") == (2, 1, None)
    assert "deploy" in queues.look(stage.client, stage.settings, "nobody").trouble
    stage.client.set_queue_attributes(QueueUrl=stage.url, Attributes={"RedrivePolicy": ""})
    assert "no redrive policy" in queues.look(stage.client, stage.settings, "echo").trouble
