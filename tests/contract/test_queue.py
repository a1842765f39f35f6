"""What every queue must do: a hint for each waiting job, and none for one that is done."""

from __future__ import annotations

import contextlib

import pytest

from pilotlight.adapters.local.queue import TableQueueReceiver, TableQueueSender
from pilotlight.adapters.local.store import SqliteStore
from pilotlight.adapters.local.wake import WakeSocket
from pilotlight.contracts import moves
from pilotlight.contracts.message import JobMessage
from pilotlight.errors import Unavailable
from tests.sqs_stage import SqsStage, ids, received, settings_for

LEASE = {"lease_s": 60, "margin_s": 10}


class TableQueue:
    """The job table as a queue, with one replica of ``echo`` listening."""

    def __init__(self, database, clock):
        self.store, self._database, self._clock = SqliteStore(database), database, clock
        self._wake = WakeSocket()
        self.sender = TableQueueSender(database, self._wake)
        self._open = contextlib.ExitStack()
        self._open.callback(self._wake.close)
        self.receiver = self.another()

    def another(self):
        with self._database.write() as execute:
            execute("INSERT INTO replica (worker, stage) VALUES ('echo', 'ready')")
            (name,) = execute("SELECT rowid FROM replica ORDER BY rowid DESC").fetchone()
            execute("UPDATE replica SET id = ? WHERE rowid = ?", (f"r{name}", name))
        receiver = TableQueueReceiver(
            self._database, WakeSocket(), self._clock, worker="echo", replica_id=f"r{name}"
        )
        self._open.callback(receiver.close)
        return receiver

    def close(self):
        self._open.close()


class SqsQueue:
    """SQS on an emulator, sent to by one adapter and received from by the same or the other."""

    def __init__(self, endpoint, database, sends, receives):
        self.store = SqliteStore(database)
        self._stage = SqsStage(endpoint, settings_for(endpoint))
        self.sender, self._receives = self._stage.sender(sends), receives
        self._open = contextlib.ExitStack()
        self._open.callback(self._stage.close)
        self.receiver = self._open.enter_context(self._stage.receiver(receives, slots=4))

    def another(self):
        """Celery is one to a process; the loop reads the same messages."""
        return self._open.enter_context(self._stage.receiver("loop", slots=4))

    def close(self):
        self._open.close()


def table(request):
    return TableQueue(request.getfixturevalue("database"), request.getfixturevalue("clock"))


def sqs(sends, receives):
    """In a process beside this one. Celery polls with curl, so that it can only do this."""

    def make(request):
        account = request.getfixturevalue("ministack_account")
        database = request.getfixturevalue("database")
        return SqsQueue(account.endpoint_url, database, sends, receives)

    make.__name__ = f"{sends}_to_{receives}"
    return make


def loop_on_moto(request):
    """Inside this process; it refuses what SQS would refuse of a request."""
    request.getfixturevalue("moto")
    return SqsQueue(None, request.getfixturevalue("database"), "loop", "loop")


@pytest.fixture(
    params=[table, sqs("celery", "celery"), sqs("loop", "loop"), loop_on_moto],
    ids=lambda make: make.__name__,
)
def queue(request):
    made = request.param(request)
    yield made
    made.close()


@pytest.fixture
def submit(queue, make_job):
    def put(**changes):
        job = make_job(**changes)
        queue.store.create([job])
        queue.sender.send(JobMessage(job_id=job.id, worker=job.worker))
        return job

    return put


def lease(queue, delivery, clock):
    assert queue.store.move(delivery.job_id, moves.lease(owner="r1", now=clock.now(), **LEASE))


def test_a_sent_job_wakes_the_replica_and_is_received(queue, submit):
    queue.receiver.receive(limit=5)
    job = submit()

    assert ids(received(queue.receiver, limit=5)) == [job.id]


def test_other_workers_jobs_are_not_received(queue, submit):
    submit(worker="other")
    mine = submit()

    assert ids(received(queue.receiver, limit=5)) == [mine.id]


def test_no_more_than_the_limit_is_received(queue, submit):
    for _ in range(3):
        submit()

    assert len(received(queue.receiver, limit=1)) == 1
    assert queue.receiver.receive(limit=0) == []


def test_a_settled_job_is_not_received_again(queue, submit, clock):
    submit()
    (delivery,) = received(queue.receiver)
    lease(queue, delivery, clock)
    queue.receiver.extend([delivery], seconds=60)
    queue.receiver.ack(delivery)
    other = submit()

    assert ids(received(queue.receiver)) == [other.id]


def test_a_released_job_goes_to_another_replica(queue, submit):
    job = submit()
    (delivery,) = received(queue.receiver)
    queue.receiver.release(delivery)
    queue.receiver.leave()

    assert ids(received(queue.another())) == [job.id]


def test_a_leaving_replica_keeps_nothing_that_it_has_not_received(queue, submit):
    queue.receiver.receive(limit=4)
    jobs = {submit().id for _ in range(3)}
    queue.receiver.leave()

    assert set(ids(received(queue.another(), 3, limit=4))) == jobs


def test_every_job_of_many_is_received_by_one_of_two(queue, submit, clock):
    jobs = {submit().id for _ in range(20)}
    other, got = queue.another(), set()
    while got != jobs:
        for receiver in (queue.receiver, other):
            receiver.poked()
            for delivery in receiver.receive(limit=2):
                queue.store.move(delivery.job_id, moves.lease(owner="r1", now=clock.now(), **LEASE))
                receiver.ack(delivery)
                got.add(delivery.job_id)

    assert got == jobs


def test_settling_twice_or_something_unknown_is_harmless(queue, submit, clock):
    submit()
    (delivery,) = received(queue.receiver)
    lease(queue, delivery, clock)
    queue.receiver.ack(delivery)
    queue.receiver.ack(delivery)
    queue.receiver.release(delivery._replace(token="nobody's"))
    queue.receiver.extend([delivery], seconds=60)


def test_a_poke_wakes_without_losing_anything(queue, submit):
    """Only a queue on one machine can name the rows; others leave it to the next beat."""
    queue.sender.poke("echo", "job-1", "job-2")
    assert queue.receiver.poked() in ([], ["job-1", "job-2"])
    assert queue.receiver.poked() == []
    job = submit()

    assert ids(received(queue.receiver)) == [job.id]


@pytest.mark.parametrize("sends", ["celery", "loop"])
def test_a_queue_that_is_deployed_no_more_is_one_that_cannot_be_reached(ministack_account, sends):
    url = ministack_account.endpoint_url
    with (
        contextlib.closing(SqsStage(url, settings_for(url))) as stage,
        contextlib.closing(stage.sender(sends)) as sender,
        pytest.raises(Unavailable),
    ):
        sender.send(JobMessage(job_id="one", worker="gone"))


@pytest.mark.parametrize("sends", ["celery", "loop"])
def test_sqs_is_told_whose_job_it_is_and_nothing_but_a_hash(ministack_account, sends):
    with contextlib.closing(SqsStage(
        ministack_account.endpoint_url, settings_for(ministack_account.endpoint_url)
    )) as stage:  # fmt: skip
        sender = stage.sender(sends)
        for number, caller in enumerate(("alice@example.org", "alice@example.org", "bob")):
            sender.send(JobMessage(job_id=f"j{number}", worker="echo", caller=caller))
        found = []
        while len(found) < 3:
            answer = stage.client.receive_message(
                QueueUrl=stage.url, MaxNumberOfMessages=10, WaitTimeSeconds=5,
                MessageSystemAttributeNames=["MessageGroupId"],
            )  # fmt: skip
            found += answer["Messages"]

    groups = [message["Attributes"]["MessageGroupId"] for message in found]
    assert sorted(map(groups.count, groups)) == [1, 2, 2]
    assert all(group.isalnum() and len(group) == 32 for group in groups)
