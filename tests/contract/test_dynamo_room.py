"""Rows and feeds in DynamoDB that are longer than an item, and how little the rest takes."""

from __future__ import annotations

import json

import pytest

from pilotlight.contracts import moves
from pilotlight.contracts.job import JobError
from pilotlight.errors import UnknownFile
from pilotlight.intake import outputs
from pilotlight.ports.feed import NewEntry
from tests.contract.conftest import dynamo_feed, dynamo_store

LEASE = {"lease_s": 60, "margin_s": 10}


@pytest.fixture
def store(aws):
    return dynamo_store(aws)


BIG = '"' + "\N{SNOWMAN}" * 200_000 + '"'


def test_a_row_may_be_longer_than_an_item(aws, store, add, lease, clock):
    job = add(input=BIG, options=BIG, keep_s=10)
    held = lease(job)
    assert held.input == BIG
    error = JobError("worker_error", "x" * 50_000)
    store.move(held.id, moves.retry(held, not_before=clock.now(), error=error))
    again = lease(job)
    done = store.move(job.id, moves.succeed(again, now=clock.now(), output=BIG, artifacts=BIG))

    fresh = dynamo_store(aws)
    fresh._texts = type(aws.texts)(aws.bucket)
    assert fresh.get(job.id) == done
    assert fresh.attempts_of(job.id)[0].error == moves.error_text(error)
    assert fresh.list_jobs() == [done]

    clock.sleep(10)
    store.purge(now=clock.now())
    assert list(aws.bucket.list("")) == []


def test_a_history_that_fills_its_item_begins_anew_and_does_not_stop_the_job(
    ministack, clock, make_job
):
    """moto leaves half of an update behind when the item gets too large."""
    store = dynamo_store(ministack)
    (created,) = store.create([make_job(input='"' + "x" * 32_000 + '"')])
    job, owner = created.job, "r" * 2000
    for _ in range(200):
        held = store.move(job.id, moves.lease(owner=owner, now=clock.now(), **LEASE))
        job = store.move(job.id, moves.hand_back(held, now=clock.now()))
        assert job is not None

    history = store.attempts_of(job.id)
    assert 0 < len(history) < 200
    assert history[-1].fence == job.fence - 1


def test_an_attempt_takes_little_room_in_its_item(moto, clock, make_job):
    store = dynamo_store(moto)
    (created,) = store.create([make_job()])
    job = created.job
    for _ in range(20):
        held = store.move(job.id, moves.lease(owner="r" * 36, now=clock.now(), **LEASE))
        job = store.move(job.id, moves.hand_back(held, now=clock.now()))

    assert len(json.dumps(store._read(job.id)["history"])) < 20 * 250


def test_a_long_text_is_read_once_however_often_the_row_moves(aws, store, add, lease, clock):
    held = lease(add(input=BIG))
    with aws.account.counted() as requests:
        for _ in range(3):
            store.move(held.id, moves.beat(held, now=clock.now(), **LEASE))
    assert requests == {"UpdateItem": 3}


def test_two_writers_of_one_feed_lose_nothing_and_agree_on_the_order(aws):
    feeds = [dynamo_feed(aws), dynamo_feed(aws)]
    for number in range(6):
        feeds[number % 2].append([NewEntry("a", "log", str(number), 1.0)])

    for feed in feeds:
        entries = feed.read("a")
        assert [entry.body for entry in entries] == list("012345")
        assert [entry.seq for entry in entries] == sorted({entry.seq for entry in entries})


def test_a_talkative_job_fills_few_items_and_reads_back_in_any_portion(aws):
    feed = dynamo_feed(aws)
    lines = [f"{n} " + "x" * 300 for n in range(2500)]
    with aws.account.counted() as requests:
        feed.append([NewEntry("a", "log", line, float(n)) for n, line in enumerate(lines)])
    assert requests["PutItem"] <= 5

    found, after = [], 0
    while portion := feed.read("a", after=after, limit=700):
        assert len(portion) <= 700
        found += portion
        after = portion[-1].seq
    assert [entry.body for entry in found] == lines


def test_an_entry_may_be_longer_than_an_item_and_goes_with_its_job(aws, store, add, clock):
    job = add(keep_s=1)
    feed = dynamo_feed(aws)
    feed.append([NewEntry(job.id, "partial", BIG, 1.0), NewEntry(job.id, "log", "small", 1.0)])
    assert [entry.body for entry in feed.read(job.id)] == [BIG, "small"]

    store.move(job.id, moves.cancel(job, now=clock.now()))
    clock.sleep(2)
    store.purge(now=clock.now())
    assert feed.read(job.id) == []
    assert list(aws.bucket.list("")) == []


def test_a_text_that_somebody_deleted_stops_no_other_row(aws, store, add, lease, clock):
    lost, other = add(input=BIG, options=BIG), add()
    held = lease(lost)
    aws.texts.forget(lost.id)
    fresh = dynamo_store(aws)
    fresh._texts = type(aws.texts)(aws.bucket)

    clock.sleep(100)
    assert [job.id for job in fresh.due(now=clock.now())] == [other.id, lost.id]
    assert [job.id for job in fresh.held_by(held.owner)] == [lost.id]
    assert (fresh.get(lost.id).input, fresh.get(lost.id).options) == ("null", "{}")
    assert fresh.move(lost.id, moves.lost(held, now=clock.now())).losses == 1


def test_an_output_that_somebody_deleted_is_not_told_as_another(aws, store, add, lease, clock):
    held = lease(add())
    store.move(held.id, moves.succeed(held, now=clock.now(), output=BIG))
    aws.texts.forget(held.id)
    fresh = dynamo_store(aws)
    fresh._texts = type(aws.texts)(aws.bucket)

    with pytest.raises(UnknownFile, match="not kept any more"):
        outputs.render(fresh.get(held.id), None, base_url="")
