"""What every queue must do: a hint for each waiting job, and none for one that is done."""

from __future__ import annotations

import select

import pytest

from pilotlight.adapters.local.queue import TableQueueReceiver, TableQueueSender
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket
from pilotlight.contracts import moves
from pilotlight.contracts.message import JobMessage

LEASE = {"lease_s": 60, "margin_s": 10}


class TableQueue:
    """The job table as a queue, with one replica of ``echo`` listening."""

    def __init__(self, database, clock):
        self.store = SqliteStore(database)
        with database.write() as execute:
            execute("INSERT INTO replica (id, worker, stage) VALUES ('r1', 'echo', 'ready')")
        self._wake = WakeSocket()
        self.sender = TableQueueSender(database, self._wake)
        self.receiver = TableQueueReceiver(
            database, WakeSocket(), clock, worker="echo", replica_id="r1"
        )

    def close(self):
        self._wake.close()
        self.receiver.close()

    def submit(self, job):
        self.store.create([job])
        self.sender.send(JobMessage(job_id=job.id, worker=job.worker))


def table(request):
    return TableQueue(request.getfixturevalue("database"), request.getfixturevalue("clock"))


@pytest.fixture(params=[table], ids=lambda make: make.__name__)
def queue(request):
    made = request.param(request)
    yield made
    made.close()


def ids(deliveries):
    return [delivery.job_id for delivery in deliveries]


def awake(receiver):
    """Whether the receiver becomes readable within a generous deadline."""
    return bool(select.select([receiver], [], [], 10)[0])


def test_a_sent_job_wakes_the_replica_and_is_received(queue, make_job):
    job = make_job()
    queue.submit(job)

    assert awake(queue.receiver)
    queue.receiver.poked()
    assert ids(queue.receiver.receive(limit=5)) == [job.id]


def test_other_workers_jobs_are_not_received(queue, make_job):
    queue.submit(make_job(worker="other"))

    assert queue.receiver.receive(limit=5) == []


def test_no_more_than_the_limit_is_received(queue, make_job):
    for _ in range(3):
        queue.submit(make_job())

    assert len(queue.receiver.receive(limit=2)) == 2


def test_a_leased_job_is_not_received_again(queue, make_job, clock):
    queue.submit(make_job())
    (delivery,) = queue.receiver.receive(limit=1)
    queue.store.move(delivery.job_id, moves.lease(owner="r1", now=clock.now(), **LEASE))
    queue.receiver.ack(delivery)

    assert queue.receiver.receive(limit=1) == []


def test_a_poke_names_the_jobs_to_look_at(queue):
    queue.sender.poke("echo", "job-1", "job-2")

    assert awake(queue.receiver)
    assert queue.receiver.poked() == ["job-1", "job-2"]
    assert queue.receiver.poked() == []
