from __future__ import annotations

import random
from concurrent.futures import Executor, Future

import pytest

from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.lifecycle import T16_LEASE, T16_SETTLE
from pilotlight.delivery.dispatcher import Dispatcher
from pilotlight.delivery.signing import Signer
from pilotlight.errors import Unavailable
from pilotlight.ports.http import Reply
from pilotlight.settings import WebhookSettings


class SameThread(Executor):
    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Receiver:
    def __init__(self):
        self.bodies = []

    def post(self, url, *, headers, body):
        self.bodies.append(body)
        return Reply(200, {})


class Throttled(SqliteStore):
    """Refuses to lease webhooks, or to settle them, for a while."""

    refusals = 0
    refuses = T16_LEASE

    def move(self, job_id, move):
        if move.transition is self.refuses and self.refusals:
            self.refusals -= 1
            raise Unavailable("throttled")
        return super().move(job_id, move)


@pytest.fixture
def store(tmp_path):
    database = Database(tmp_path / "jobs.db")
    yield Throttled(database)
    database.close()


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def dispatcher(store, receiver, tmp_path, clock):
    return Dispatcher(
        store,
        receiver,
        Signer(FileSecrets(tmp_path / "secrets")),
        lambda job, *, thin=False: b"{}",
        clock=clock,
        settings=WebhookSettings(),
        rng=random.Random(1),
        pool=SameThread(),
    )


@pytest.fixture
def ended(store, clock, make_job):
    def make():
        job = make_job(webhook="https://example.org/hook")
        store.create([job])
        store.move(job.id, moves.cancel(job, now=clock.now()))
        return job.id

    return make


def test_a_store_that_fails_for_long_costs_a_receiver_none_of_its_turns(
    store, receiver, dispatcher, ended, clock
):
    ended()
    store.refusals = 2 * WebhookSettings().per_host
    while store.refusals:
        with pytest.raises(Unavailable):
            dispatcher(clock.now())
    dispatcher(clock.now())
    assert receiver.bodies == [b"{}"]


def test_what_became_of_postings_is_written_later_when_the_store_fails(
    store, receiver, dispatcher, ended, clock
):
    """Else each of them is posted again as soon as its lease is over."""
    jobs = [ended() for _ in range(3)]
    dispatcher(clock.now())
    store.refuses, store.refusals = T16_SETTLE, 2
    for _ in range(2):
        with pytest.raises(Unavailable):
            dispatcher(clock.now())
    dispatcher(clock.now())

    assert [store.get(job_id).webhook_state for job_id in jobs] == ["delivered"] * 3
    clock.sleep(3600)
    dispatcher(clock.now())
    assert len(receiver.bodies) == 3
