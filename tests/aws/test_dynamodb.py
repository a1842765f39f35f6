"""DynamoDB itself: that it takes every expression, and what emulators do not have."""

from __future__ import annotations

import threading
import time
import uuid

import pytest

from pilotlight.adapters.aws.feed import DynamoFeed
from pilotlight.adapters.aws.secrets import DynamoSecrets
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.contracts import moves
from pilotlight.contracts.job import Job, JobError
from pilotlight.ports.feed import NewEntry
from tests.contract import test_store as suite

pytestmark = pytest.mark.aws
LEASE = {"lease_s": 60, "margin_s": 10}


@pytest.fixture
def store(stage):
    return DynamoStore(stage.calls, stage.table, stage.texts, workers=("echo",))


@pytest.fixture
def make_job(clock):
    caller = f"alice-{uuid.uuid4()}"  # one table for all tests: their keys must not meet in it

    def make(**changes):
        now = clock.now()
        base = {
            "id": str(uuid.uuid4()),
            "caller": caller,
            "endpoint": "pilotlight/echo",
            "worker": "echo",
            "origin": "fal",
            "input": "{}",
            "created_at": now,
            "start_by": now + 3600,
            "run_timeout_s": 60.0,
            "due_at": now + 15,
        }
        return Job(**(base | changes))

    return make


def eventually(look, wanted, clock, within_s=30):
    """An index follows its table a moment later; look again with a deadline."""
    ends_at = time.monotonic() + within_s
    while (found := look()) != wanted and time.monotonic() < ends_at:
        clock.sleep(0.2)
    assert found == wanted


test_fields = suite.test_a_created_job_reads_back_field_by_field
test_one_key_one_job = suite.test_one_idempotency_key_makes_one_job
test_two_leases = suite.test_a_second_lease_is_refused
test_cancel_wins = suite.test_a_cancelled_job_can_never_succeed
test_attempts = suite.test_every_ended_attempt_is_remembered_in_order


def test_dynamodb_takes_every_transition(store, make_job, clock):
    """Each expression once: reserved words and unused names are found by AWS alone."""
    now, error = clock.now(), JobError("worker_error", "it broke")
    job = store.create([make_job(webhook="https://example.org")])[0].job
    assert store.move(job.id, moves.queued(job, due_at=now))
    for end in (
        lambda held: moves.hand_back(held, now=now),
        lambda held: moves.retry(held, not_before=now - 1, error=error),
        lambda held: moves.lost(held, now=now),
    ):
        held = store.move(job.id, moves.lease(owner="r1", now=now, **LEASE))
        assert store.move(job.id, moves.beat(held, now=now, progress=0.5, **LEASE))
        assert store.move(job.id, moves.storing(held, now=now, **LEASE))
        assert store.move(job.id, end(held))
    for end in (
        lambda held: moves.fail(held, now=now, error=error),
        lambda held: moves.succeed(held, now=now, output="{}"),
        lambda held: moves.cancel(held, now=now),
        lambda held: moves.time_out(held, now=now + 61),
    ):
        other = store.create([make_job()])[0].job
        held = store.move(other.id, moves.lease(owner="r1", now=now, **LEASE))
        assert store.move(other.id, end(held))
    late = store.create([make_job(start_by=now)])[0].job
    assert store.move(late.id, moves.expire(late, now=now))
    done = store.move(job.id, moves.cancel(job, now=now))
    posted = store.move(job.id, moves.lease_webhook(done, now=now, lease_s=1))
    assert store.move(job.id, moves.settle_webhook(posted, due_at=None, state="delivered"))
    assert store.move(job.id, moves.replay_webhook(now=now))


def test_the_indexes_follow(store, make_job, clock):
    now = clock.now()
    job = store.create([make_job(due_at=now, caller="carol")])[0].job

    eventually(lambda: [one.id for one in store.list_jobs(caller="carol")], [job.id], clock)
    eventually(lambda: job.id in [one.id for one in store.due(now=now)], True, clock)
    held = store.move(job.id, moves.lease(owner="r9", now=now, **LEASE))
    eventually(lambda: store.held_by("r9"), [held], clock)
    eventually(lambda: store.load(now=now)["echo"].running >= 1, True, clock)


def test_of_many_who_lease_at_once_one_wins(store, make_job, clock):
    job = store.create([make_job()])[0].job
    begin, won = threading.Barrier(16), []

    def run(owner):
        begin.wait()
        if store.move(job.id, moves.lease(owner=owner, now=clock.now(), **LEASE)):
            won.append(owner)

    threads = [threading.Thread(target=run, args=(f"r{n}",)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_the_feed_keeps_its_order(stage):
    feeds = [DynamoFeed(stage.calls, stage.table, stage.texts) for _ in range(2)]
    job_id = str(uuid.uuid4())
    for number in range(6):
        feeds[number % 2].append([NewEntry(job_id, "log", str(number), 1.0)])

    assert [entry.body for entry in feeds[0].read(job_id)] == list("012345")


def test_secrets_are_encrypted_with_a_key_of_the_account(stage):
    secrets = DynamoSecrets(stage.calls, stage.secrets_table)

    assert secrets.get_or_create("pepper", lambda: b"a") == b"a"
    assert secrets.get_or_create("pepper", lambda: b"b") == b"a"
    described = stage.dynamodb.describe_table(TableName=stage.secrets_table)["Table"]
    assert described["SSEDescription"]["SSEType"] == "KMS"
