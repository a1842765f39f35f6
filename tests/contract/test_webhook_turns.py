"""A busy host's rows wait in the store; what becomes fast does not wait for their turns."""

from __future__ import annotations

import random
from concurrent.futures import Executor, Future

import pytest

from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.contracts import moves
from pilotlight.delivery.dispatcher import Dispatcher
from pilotlight.delivery.signing import Signer
from pilotlight.ports.http import Reply
from pilotlight.settings import WebhookSettings

WIDTH = 4
SLOW_S = 15


class ByHand(Executor):
    """What is submitted runs when the test says so."""

    def __init__(self):
        self.waiting = []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run(self):
        begun, self.waiting = self.waiting, []
        for future, work in begun:
            future.set_result(work())


class Receiver:
    def __init__(self):
        self.status, self.posted = 200, []

    def post(self, url, *, headers, body):
        self.posted.append(body.decode())
        return Reply(self.status, {})


@pytest.fixture
def finished(store, clock, make_job):
    """Ids of jobs whose webhook is due."""

    def finished(count):
        jobs = [make_job(webhook="https://example.org/hook") for _ in range(count)]
        store.create(jobs)
        for job in jobs:
            assert store.move(job.id, moves.cancel(job, now=clock.now()))
        return [job.id for job in jobs]

    return finished


@pytest.fixture
def office(store, tmp_path, clock):
    """Makes a dispatcher, its hand-driven pool and what it posts to."""

    def office():
        pool, receiver = ByHand(), Receiver()
        dispatcher = Dispatcher(
            store,
            receiver,
            Signer(FileSecrets(tmp_path / "secrets")),
            lambda job, *, thin=False: job.id.encode(),
            clock=clock,
            settings=WebhookSettings(per_host=WIDTH),
            rng=random.Random(1),
            pool=pool,
        )
        return dispatcher, pool, receiver

    return office


@pytest.fixture
def slow(office, finished, clock):
    """A dispatcher for whose host every posting took fifteen seconds so far."""
    dispatcher, pool, receiver = office()
    for _ in range(2):
        finished(WIDTH)
        dispatcher(clock.now())
        clock.sleep(SLOW_S)
        pool.run()
        assert dispatcher.finish(0)
    receiver.posted.clear()
    return dispatcher, pool, receiver


def test_a_host_that_becomes_fast_gets_its_rows_at_once(store, clock, finished, slow):
    dispatcher, pool, receiver = slow
    jobs = finished(5 * WIDTH)
    dispatcher(clock.now())
    turns = sorted(store.get(job_id).webhook_due - clock.now() for job_id in jobs)
    assert turns[-1] > 30  # what they would have waited for

    while len(receiver.posted) < len(jobs):
        assert pool.waiting  # with nothing under way there would be nothing to call them forward
        pool.run()
        dispatcher(clock.now())

    assert sorted(receiver.posted) == sorted(jobs)
    assert {store.get(job_id).webhook_tries for job_id in jobs} == {1}
    assert dispatcher(clock.now()) == 0
    assert store.webhooks_due(now=clock.now() + 3600) == []


def test_what_a_dispatcher_before_it_put_off_is_called_forward_too(
    store, clock, finished, slow, office
):
    dispatcher, pool, before = slow
    jobs = finished(3 * WIDTH)
    dispatcher(clock.now())
    pool.run()
    assert dispatcher.finish(0)
    rest = [job_id for job_id in jobs if job_id not in before.posted]
    other, pool, receiver = office()
    while not pool.waiting:  # until the first of the rows has its turn
        clock.sleep(1)
        other(clock.now())
    first_at = clock.now()
    while pool.waiting:
        pool.run()
        other(clock.now())

    assert clock.now() == first_at
    assert sorted(receiver.posted) == sorted(rest)


def test_rows_that_another_dispatcher_posts_meanwhile_break_no_chain(store, clock, finished, slow):
    dispatcher, pool, receiver = slow
    jobs = finished(6 * WIDTH)
    dispatcher(clock.now())
    put_off = [row for row in map(store.get, jobs) if row.webhook_fence == 0]
    theirs = sorted(put_off, key=lambda row: row.webhook_due)[: 2 * WIDTH]
    for row in theirs:  # more than there is room for at once, and those that are next
        leased = store.move(row.id, moves.lease_webhook(row, now=row.webhook_due, lease_s=30))
        assert store.move(row.id, moves.settle_webhook(leased, due_at=None, state="delivered"))

    while pool.waiting:
        pool.run()
        dispatcher(clock.now())

    assert sorted(receiver.posted) == sorted(set(jobs) - {row.id for row in theirs})


def test_a_host_that_says_no_gets_none_forward(store, clock, finished, slow):
    dispatcher, pool, receiver = slow
    receiver.status = 503
    jobs = finished(3 * WIDTH)
    dispatcher(clock.now())
    pool.run()

    assert dispatcher(clock.now()) == 0
    assert len(receiver.posted) == WIDTH
    assert all(store.get(job_id).webhook_due > clock.now() for job_id in jobs)


def test_a_row_that_another_dispatcher_posted_is_not_called_forward(
    store, clock, finished, slow, office
):
    dispatcher, pool, receiver = slow
    jobs = finished(2 * WIDTH)
    dispatcher(clock.now())
    clock.sleep(119)  # their turns have come, and another is quicker
    other, others_pool, others = office()
    began = other(clock.now())
    others_pool.run()
    assert other.finish(0)
    pool.run()
    dispatcher(clock.now())
    pool.run()
    assert dispatcher.finish(0)

    assert began == WIDTH
    assert sorted(receiver.posted + others.posted) == sorted(jobs)
    assert store.webhooks_due(now=clock.now() + 3600) == []


def test_a_row_called_forward_has_one_fence_and_one_only(store, clock, finished):
    (job_id,) = finished(1)
    row = store.get(job_id)
    store.move(job_id, moves.settle_webhook(row, due_at=clock.now() + 60, state=None))

    forward = store.move(job_id, moves.hasten_webhook(row.webhook_fence, now=clock.now()))
    leased = store.move(job_id, moves.lease_webhook(forward, now=clock.now(), lease_s=30))

    assert forward.webhook_due == clock.now()
    assert leased.webhook_fence == row.webhook_fence + 1
    assert store.move(job_id, moves.hasten_webhook(row.webhook_fence, now=clock.now())) is None
    assert store.get(job_id) == leased
