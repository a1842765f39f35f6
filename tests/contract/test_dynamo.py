"""What only DynamoDB has to prove of its indexes and its history, and what it costs."""

from __future__ import annotations

import random
import threading

import pytest

from pilotlight.adapters.aws.tables import FORGET
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.job import JobError
from pilotlight.ports.feed import NewEntry
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


@pytest.fixture
def add_to(make_job):
    def opened(stage):
        store = dynamo_store(stage)

        def add(**changes):
            (created,) = store.create([make_job(**changes)])
            return created.job

        return store, add

    return opened


def test_what_an_index_says_late_is_checked_against_the_row(store, add, lease, clock, faults):
    job, other = add(due_at=clock.now()), add(webhook="https://example.org", due_at=None)
    held = lease(add(due_at=None))
    done = store.move(other.id, moves.cancel(other, now=clock.now()))
    faults.repeat_answers("Query")
    now = clock.now()
    assert [one.id for one in store.due(now=now)] == [job.id]
    assert [one.id for one in store.webhooks_due(now=now)] == [other.id]
    assert [one.id for one in store.held_by("r1")] == [held.id]

    store.move(job.id, moves.cancel(job, now=now))
    store.move(done.id, moves.lease_webhook(done, now=now, lease_s=60))
    store.move(held.id, moves.hand_back(held, now=now))

    assert store.due(now=now) == store.webhooks_due(now=now) == store.held_by("r1") == []


def test_purge_spares_a_row_whose_webhook_was_asked_for_again(store, add, clock, faults):
    job = add(keep_s=10, webhook="https://example.org")
    done = store.move(job.id, moves.cancel(job, now=clock.now()))
    sent = store.move(done.id, moves.lease_webhook(done, now=clock.now(), lease_s=1))
    store.move(sent.id, moves.settle_webhook(sent, due_at=None, state="delivered"))
    clock.sleep(11)
    faults.repeat_answers("BatchGetItem")
    assert len(list(store._before(FORGET, clock.now(), 500))) == 1
    store.move(job.id, moves.replay_webhook(now=clock.now()))

    assert store.purge(now=clock.now()) == []
    assert store.get(job.id).webhook_due == clock.now()


def test_rows_that_wait_for_a_dead_receiver_keep_none_behind_them_from_being_forgotten(
    store, add, clock
):
    waits, old = (add(keep_s=10.0, webhook="https://example.org/dead") for _ in range(2))
    ended = [store.move(job.id, moves.cancel(job, now=clock.now())) for job in (waits, old)]
    store.move(old.id, moves.settle_webhook(ended[1], due_at=None, state="given_up"))
    clock.sleep(11)

    looks = [store.purge(now=clock.now(), limit=1) for _ in range(2)]
    assert [[job.id for job in look] for look in looks] in ([[], [old.id]], [[old.id], []])
    assert store.get(waits.id) is not None
    store.move(waits.id, moves.settle_webhook(ended[0], due_at=None, state="given_up"))
    clock.sleep(3600)
    assert [job.id for job in store.purge(now=clock.now(), limit=1)] == [waits.id]


def test_of_many_who_lease_at_once_one_wins(ministack, make_job, clock):
    store = dynamo_store(ministack)
    jobs = [make_job() for _ in range(5)]
    store.create(jobs)
    begin, won = threading.Barrier(4), []

    def run(owner):
        begin.wait()
        move = moves.lease(owner=owner, now=clock.now(), **LEASE)
        won.extend(job.id for job in jobs if store.move(job.id, move))

    threads = [threading.Thread(target=run, args=(f"r{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == sorted(job.id for job in jobs)


def test_random_histories_leave_the_same_attempts_as_in_sqlite(moto, make_job, clock, tmp_path):
    rng = random.Random(3)
    database = Database(tmp_path / "jobs.db")
    stores = [SqliteStore(database), dynamo_store(moto)]
    for _ in range(15):
        job = make_job()
        for store in stores:
            store.create([job])
        for _ in range(12):
            clock.sleep(rng.choice([1, 30]))
            now = clock.now()
            move = rng.choice(
                [
                    moves.lease(owner=rng.choice("ab"), now=now, **LEASE),
                    moves.lease(owner=rng.choice("ab"), now=now, **LEASE),
                    moves.retry(job, not_before=now, error=ERROR),
                    moves.hand_back(job, now=now),
                    moves.lost(job, now=now),
                    moves.fail(job, now=now, error=ERROR),
                    moves.time_out(job, now=now),
                    moves.succeed(job, now=now, output="{}"),
                    moves.cancel(job, now=now),
                ]
            )
            first, second = (store.move(job.id, move) for store in stores)
            assert first == second
            job = first or job
        assert stores[1].attempts_of(job.id) == stores[0].attempts_of(job.id)
    database.close()


def test_rows_spread_over_the_shards(moto, make_job):
    store = dynamo_store(moto)
    store.create([make_job() for _ in range(64)])

    shards = {
        item["shard"]["S"] for item in moto.account.dynamodb.scan(TableName=moto.table)["Items"]
    }
    assert len(shards) > 8


def test_what_each_step_of_a_job_costs_in_requests(aws, store, make_job, clock):
    """One request each: the sum of a job is counted where its journey is."""
    job, feed = make_job(), dynamo_feed(aws)

    def cost(action):
        with aws.account.counted() as requests:
            cost.result = action()
        return dict(requests)

    def move(build):
        return lambda: store.move(job.id, build())

    now = clock.now()
    assert cost(lambda: store.create([job])) == {"PutItem": 1}
    assert cost(lambda: store.create([make_job(idempotency_key="k")])) == {"TransactWriteItems": 1}
    assert cost(move(lambda: moves.queued(job, due_at=now + 9))) == {"UpdateItem": 1}
    assert cost(move(lambda: moves.lease(owner="r", now=now, **LEASE))) == {"UpdateItem": 1}
    job = cost.result
    assert cost(lambda: feed.append([NewEntry(job.id, "log", "x", now)] * 9)) == {"PutItem": 1}
    assert cost(lambda: feed.append([NewEntry(job.id, "log", "y", now)])) == {"PutItem": 1}
    assert cost(lambda: feed.read(job.id)) == {"Query": 1}
    assert cost(move(lambda: moves.storing(job, now=now, **LEASE))) == {"UpdateItem": 1}
    assert cost(move(lambda: moves.succeed(job, now=now, output="{}"))) == {"UpdateItem": 1}
    assert cost(lambda: store.get(job.id)) == {"GetItem": 1}
    assert cost(lambda: store.attempts_of(job.id)) == {"GetItem": 1}
    assert cost(lambda: store.held_by("r")) == {"Query": 1}
    assert cost(lambda: store.due(now=now)) == {"Query": 16}
    assert cost(lambda: store.load(now=now)) == {"Query": 6}


def test_a_place_far_back_in_the_queue_is_not_counted_to_its_end(moto, add_to, monkeypatch):
    """A poll must stay cheap when the queue is long: a request counts some thousand entries."""
    store, add = add_to(moto)
    jobs = [add() for _ in range(9)]
    monkeypatch.setattr("pilotlight.adapters.aws.store.MOST_AHEAD", 4)

    with moto.account.counted() as requests:
        assert [store.ahead_of(job) for job in (jobs[2], jobs[8])] == [2, 4]
    assert requests["Query"] <= 3


def test_what_a_decision_rests_on_is_read_consistently(aws, store, add, clock):
    """Emulators are always consistent, so this looks at what is asked."""
    asked = []

    def listen(params, model, **_):
        if model.name in ("GetItem", "BatchGetItem", "Query"):
            asked.append(params)

    aws.account.dynamodb.meta.events.register("provide-client-params.dynamodb", listen)
    job = add(due_at=clock.now())
    store.get(job.id)
    store.attempts_of(job.id)
    store.due(now=clock.now())
    dynamo_feed(aws).read(job.id)
    dynamo_keys(aws).find("k1")
    dynamo_secrets(aws).get_or_create("n", lambda: b"x")
    aws.account.dynamodb.meta.events.unregister("provide-client-params.dynamodb", listen)

    on_tables = [one for one in asked if "IndexName" not in one]
    assert len(on_tables) == 6
    for params in on_tables:
        (batch,) = params.get("RequestItems", {"": params}).values()
        assert batch["ConsistentRead"] is True
