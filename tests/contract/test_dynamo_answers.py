"""What DynamoDB answers, or does not: lost answers, throttling, a table that is not there."""

from __future__ import annotations

import pytest

from pilotlight.adapters.aws.calls import Calls
from pilotlight.adapters.aws.rows import job_key
from pilotlight.adapters.aws.store import DynamoStore
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobError, JobStatus
from pilotlight.errors import IllegalTransition, SettingsError, Unavailable
from pilotlight.ports.feed import NewEntry
from pilotlight.ports.keys import KeyRecord
from tests.contract.conftest import dynamo_feed, dynamo_keys, dynamo_secrets, dynamo_store

LEASE = {"lease_s": 60, "margin_s": 10}
ERROR = JobError("worker_error", "it broke")


@pytest.fixture
def store(aws):
    return dynamo_store(aws)


@pytest.fixture
def faults(aws):
    with aws.account.faults() as faults:
        yield faults


MOVES = {
    "lease": lambda job, now: moves.lease(owner="r2", now=now, **LEASE),
    "storing": lambda job, now: moves.storing(job, now=now, **LEASE),
    "succeed": lambda job, now: moves.succeed(job, now=now, output="{}"),
    "retry": lambda job, now: moves.retry(job, not_before=now + 9, error=ERROR),
    "fail": lambda job, now: moves.fail(job, now=now, error=ERROR),
    "hand_back": lambda job, now: moves.hand_back(job, now=now),
    "lost": lambda job, now: moves.lost(job, now=now),
    "cancel": lambda job, now: moves.cancel(job, now=now),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_move_whose_answer_is_lost_was_done_once_and_says_so(
    store, add, lease, clock, faults, name
):
    job = add()
    if name != "lease":
        job = lease(job)
    faults.lose_answers("UpdateItem")
    moved = store.move(job.id, MOVES[name](job, clock.now()))

    assert moved is not None
    assert moved == store.get(job.id)
    assert moved.fence - job.fence <= 1
    assert len(store.attempts_of(job.id)) == (0 if name in ("lease", "storing") else 1)


def test_the_rest_of_a_batch_is_asked_for_after_a_rest(aws, clock):
    """A busy partition does a part of it; whoever asks at once for the rest keeps it busy."""
    calls = Calls(aws.account.dynamodb, clock, chance=lambda: 1.0)
    keys = [{"pk": {"S": f"KEY{number}"}, "sk": {"S": "x"}} for number in range(3)]
    for key in keys:
        calls("put_item", TableName=aws.table, Item=key)
    began = clock.now()
    left, rests = [1, 1], []

    def cut_short(parsed, **_):
        rests.append(clock.now() - began)
        if left:
            left.pop()
            done = parsed["Responses"][aws.table]
            rest = [{"pk": one["pk"], "sk": one["sk"]} for one in done[1:]]
            parsed["Responses"] = {aws.table: done[:1]}
            parsed["UnprocessedKeys"] = {aws.table: {"Keys": rest}}

    events = aws.account.dynamodb.meta.events
    events.register("after-call.dynamodb.BatchGetItem", cut_short)
    try:
        answers = list(calls.bit_by_bit("batch_get_item", {aws.table: {"Keys": keys}}))
    finally:
        events.unregister("after-call.dynamodb.BatchGetItem", cut_short)

    found = [item["pk"]["S"] for one in answers for item in one["Responses"][aws.table]]
    assert sorted(found) == ["KEY0", "KEY1", "KEY2"]
    assert rests == pytest.approx([0, 0.05, 0.15])


def test_a_lost_success_is_known_as_ours_even_when_its_webhook_was_taken_up_since(
    store, add, lease, clock, aws
):
    job = lease(add(webhook="https://example.org"))

    dispatcher = DynamoStore(Calls(aws.account.other, clock), aws.table, aws.texts, workers=())

    def take_up(**_):
        done = dispatcher.get(job.id)
        dispatcher.move(job.id, moves.lease_webhook(done, now=clock.now(), lease_s=60))

    with aws.account.faults() as faults:
        faults.lose_answers("UpdateItem")
        faults.do_before_the_next("UpdateItem", take_up, after=1)
        moved = store.move(job.id, moves.succeed(job, now=clock.now(), output="{}"))

    assert moved.status is JobStatus.SUCCEEDED
    assert moved.webhook_fence == 1


def test_a_move_that_another_won_in_the_meantime_is_refused_however_many_answers_are_lost(
    store, add, lease, clock, faults
):
    job = lease(add())
    store.move(job.id, moves.cancel(job, now=clock.now()))
    faults.lose_answers("UpdateItem", times=2)

    assert store.move(job.id, moves.succeed(job, now=clock.now(), output="{}")) is None
    assert store.get(job.id).status is JobStatus.CANCELLED


def test_a_key_whose_row_dynamodb_swept_by_itself_makes_a_job_again(aws, store, make_job):
    """Its own broom takes a row that upkeep forgot to forget, and not the record of its key."""
    first, second, third = (make_job(idempotency_key="k") for _ in range(3))
    store.create([first])
    aws.account.other.delete_item(TableName=aws.table, Key=job_key(first.id))

    assert [(one.job, one.existed) for one in store.create([second, third])] == [
        (second, False),
        (second, True),
    ]


@pytest.mark.parametrize("key", [None, "k"])
def test_a_job_whose_creation_lost_its_answer_is_there_once(store, make_job, faults, key):
    job = make_job(idempotency_key=key)
    faults.lose_answers("TransactWriteItems" if key else "PutItem")
    (created,) = store.create([job])

    assert (created.job, created.existed) == (job, False)
    assert store.get(job.id) == job
    assert [one.id for one in store.list_jobs()] == [job.id]


def test_an_id_that_is_taken_is_refused(store, make_job):
    store.create([make_job(id="one"), make_job(id="two", idempotency_key="k")])

    with pytest.raises(IllegalTransition):
        store.create([make_job(id="one")])
    with pytest.raises(IllegalTransition):
        store.create([make_job(id="two", idempotency_key="other")])


def test_other_writes_that_lose_their_answer_are_done_once_too(aws, faults):
    feed, keys, secrets = dynamo_feed(aws), dynamo_keys(aws), dynamo_secrets(aws)
    record = KeyRecord(id="k1", caller="alice", secret_hash="h", created_at=1.5)

    faults.lose_answers("PutItem")
    feed.append([NewEntry("a", "log", "1", 1.0)])
    assert [entry.body for entry in feed.read("a")] == ["1"]

    faults.clear()
    faults.lose_answers("PutItem")
    keys.add(record)
    assert keys.list_keys() == [record]

    faults.lose_answers("UpdateItem")
    assert keys.revoke("k1", now=5.0)

    faults.clear()
    faults.lose_answers("PutItem")
    assert secrets.update("n", lambda before: (before or b"") + b"x") == b"x"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_trouble_that_passes_is_waited_out_and_trouble_that_stays_is_told(
    store, add, faults, clock, status, code
):
    before = clock.now()
    faults.answer("PutItem", status, code, times=2)
    job = add()
    assert store.get(job.id) == job
    assert 0 < clock.now() - before < 1

    faults.answer("GetItem", status, code, times=3)
    with pytest.raises(Unavailable, match=code):
        store.get(job.id)
    assert store.get(job.id) == job


def test_a_connection_that_cannot_be_made_is_tried_three_times(store, aws, faults):
    faults.cut_off("GetItem", times=3)
    with aws.account.counted() as requests, pytest.raises(Unavailable):
        store.get("a")
    assert requests["GetItem"] == 3


def test_a_table_that_is_not_there_is_the_owners_to_put_right(aws, clock):
    missing = DynamoStore(
        Calls(aws.account.dynamodb, clock), "nowhere", aws.texts, workers=("echo",)
    )
    with pytest.raises(SettingsError, match="GetItem"):
        missing.get("a")
