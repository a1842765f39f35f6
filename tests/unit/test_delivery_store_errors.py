from __future__ import annotations

import random
from concurrent.futures import Executor, Future

import pytest

from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.secrets import FileSecrets
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.contracts import moves
from pilotlight.contracts.lifecycle import T16_LEASE
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
    """Refuses to lease webhooks for a while."""

    refusals = 0

    def move(self, job_id, move):
        if move.transition is T16_LEASE and self.refusals:
            self.refusals -= 1
            raise Unavailable("throttled")
        return super().move(job_id, move)


@pytest.fixture
def store(tmp_path):
    database = Database(tmp_path / "jobs.db")
    yield Throttled(database)
    database.close()


def test_a_store_that_fails_for_long_costs_a_receiver_none_of_its_turns(
    store, tmp_path, clock, make_job
):
    job = make_job(webhook="https://example.org/hook")
    store.create([job])
    store.move(job.id, moves.cancel(job, now=clock.now()))
    receiver, settings = Receiver(), WebhookSettings()
    dispatcher = Dispatcher(
        store,
        receiver,
        Signer(FileSecrets(tmp_path / "secrets")),
        lambda job, *, thin=False: b"{}",
        clock=clock,
        settings=settings,
        rng=random.Random(1),
        pool=SameThread(),
    )
    store.refusals = 2 * settings.per_host
    while store.refusals:
        with pytest.raises(Unavailable):
            dispatcher(clock.now())
    dispatcher(clock.now())
    assert receiver.bodies == [b"{}"]
