"""Several workers' queues as one, over every queue: whose job is next, and nothing is lost of the rest."""

from __future__ import annotations

import contextlib
import itertools
import select

import pytest

from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.hints import Hints
from pilotlight.adapters.aws.pulse import Pulse
from pilotlight.adapters.aws.queues import queue_url
from pilotlight.adapters.aws.receipts import Receipts
from pilotlight.adapters.aws.sqs import SqsReceiver
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.adapters.local.queue import TableQueueReceiver, TableQueueSender, ranks
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket
from pilotlight.contracts import events, moves
from pilotlight.contracts.message import JobMessage
from pilotlight.execution.pool_queue import PooledQueue
from pilotlight.scaling.router import PoolRouter
from tests.sqs_stage import REGION, WORKERS, SqsStage, ids, settings_for, until
from tests.workers.shared._toy import spec

MEMBERS = [spec(name) for name in WORKERS]


class Pool:
    """A pooled queue, and a child that does at once what it is told unless ``slow``."""

    def __init__(self, receivers, sender, store, *, rank, clock, holds):
        self.sender, self.store, self.said, self.slow = sender, store, [], False
        router = PoolRouter(MEMBERS, memory_gib=8, gpu=False)
        self.queue = PooledQueue(
            receivers, router, rank=rank, clock=clock, parks=False, holds=holds
        )
        self.queue.say = self._child

    def _child(self, word):
        self.said.append(word.worker)
        if not self.slow:
            self.queue.heed(events.Switched(word.worker, 0.01, 1.0))

    def next(self):
        """The delivery that comes next; fails when none does."""

        def look():
            found = self.queue.receive(limit=1)
            if not found:
                select.select([self.queue], [], [], 0.05)
                self.queue.poked()
            return found

        (delivery,) = until(look, "a delivery")
        return delivery


def table(request, clock, stack):
    database = request.getfixturevalue("database")
    wake, store = WakeSocket(), SqliteStore(database)
    with database.write() as execute:
        execute("INSERT INTO replica (id, worker, stage) VALUES ('host', 'shared', 'ready')")
    receivers = {
        name: TableQueueReceiver(
            database, wake, clock, worker=name, replica_id="host", fleet="shared"
        )
        for name in WORKERS
    }
    said = WakeSocket()
    stack.callback(said.close)
    sender = TableQueueSender(database, said, lambda _worker: "shared")
    return Pool(receivers, sender, store, rank=ranks(database), clock=clock, holds=False)


def _sqs(request, endpoint, stack):
    stage = SqsStage(endpoint, settings_for(endpoint))
    stack.callback(stage.close)
    clock, arrivals = SystemClock(), itertools.count()
    receivers = {}
    for name in WORKERS:
        clients = Clients(region=REGION, endpoint_url=endpoint)
        stack.callback(clients.close)
        url = queue_url(stage.settings, name)
        hints = Hints(Receipts(clients.sqs(), url), clock, slots=1, visibility_s=30)
        pulse = Pulse(clock, patience_s=60)
        receivers[name] = SqsReceiver(
            clients.sqs(wait_s=1), url, hints=hints, pulse=pulse, wait_s=1
        )
    store = SqliteStore(request.getfixturevalue("database"))
    pool = Pool(
        receivers,
        stage.sender("loop"),
        store,
        rank=lambda _job_id: (0, next(arrivals)),
        clock=clock,
        holds=True,
    )
    pool.stage = stage
    return pool


def loops_on_moto(request, clock, stack):
    request.getfixturevalue("moto")
    return _sqs(request, None, stack)


def loops_on_ministack(request, clock, stack):
    return _sqs(request, request.getfixturevalue("ministack_account").endpoint_url, stack)


@pytest.fixture(params=[table, loops_on_moto, loops_on_ministack], ids=lambda make: make.__name__)
def pool(request, clock):
    with contextlib.ExitStack() as stack:
        made = request.param(request, clock, stack)
        stack.callback(made.queue.close)
        yield made


@pytest.fixture
def submit(pool, make_job):
    def put(worker):
        job = make_job(worker=worker)
        pool.store.create([job])
        pool.sender.send(JobMessage(job_id=job.id, worker=worker))
        return job.id

    return put


def lease(pool, delivery, clock):
    move = moves.lease(owner="host", now=clock.now(), lease_s=60, margin_s=10)
    assert pool.store.move(delivery.job_id, move)


def test_a_job_comes_once_its_model_is_in_place_and_not_before(pool, submit):
    pool.slow = True
    job_id = submit("echo")
    until(lambda: pool.queue.receive(limit=1) or pool.said, "the switch")

    assert pool.said == ["echo"]
    assert pool.queue.receive(limit=1) == []
    assert pool.queue.heed(events.Switched("echo", 0.5, 1.0))
    assert pool.next().job_id == job_id


def test_every_workers_jobs_come_and_are_settled_where_they_came_from(pool, submit, clock):
    wanted = {submit(worker) for worker in ("echo", "other", "other", "echo")}

    found = set()
    while found != wanted:
        delivery = pool.next()
        lease(pool, delivery, clock)
        pool.queue.extend([delivery], seconds=30)
        pool.queue.ack(delivery)
        found.add(delivery.job_id)

    assert set(pool.said) == {"echo", "other"}
    if hasattr(pool, "stage"):
        for name in WORKERS:
            url = queue_url(pool.stage.settings, name)
            until(
                lambda url=url: pool.stage.counts(url) == (0, 0), f"the queue of {name} to be empty"
            )


def test_a_released_job_comes_again(pool, submit):
    job_id = submit("echo")
    pool.queue.release(pool.next())

    assert pool.next().job_id == job_id


def test_what_was_kept_in_hand_goes_back_when_the_host_leaves(pool, submit, clock):
    """While a model is loaded, jobs of both workers may be here; then the host is told to go."""
    pool.slow = True
    submit("echo")
    submit("other")
    until(lambda: pool.queue.receive(limit=1) or pool.said, "the switch")

    pool.queue.leave()

    if hasattr(pool, "stage"):
        for name in WORKERS:
            url = queue_url(pool.stage.settings, name)
            until(lambda url=url: pool.stage.counts(url) == (1, 0), f"{name}'s job to be visible")
    else:
        loads = pool.store.load(now=clock.now())
        assert {name: load.queued for name, load in loads.items()} == {"echo": 1, "other": 1}


def test_a_new_job_of_any_worker_wakes_the_host(pool, submit):
    pool.queue.receive(limit=1)
    pool.queue.poked()
    submit("other")

    assert select.select([pool.queue], [], [], 30)[0]
    assert ids([pool.next()])
