"""SQS itself: what emulators wave through, answer at once, or do not have."""

from __future__ import annotations

import contextlib
import secrets
import time

import pytest

from pilotlight.adapters.aws import queues
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.dead_letters import SqsDeadLetters
from pilotlight.adapters.aws.hints import Hints
from pilotlight.adapters.aws.pulse import Pulse
from pilotlight.adapters.aws.receipts import Receipts
from pilotlight.adapters.aws.sqs import SqsReceiver
from pilotlight.adapters.celery.producer import CelerySender
from pilotlight.adapters.celery.receiver import CeleryReceiver
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.contracts.message import JobMessage
from pilotlight.errors import Unavailable
from pilotlight.settings import Settings
from pilotlight.settings.aws import QueueSettings
from tests.sqs_stage import ids, received, until

pytestmark = [pytest.mark.aws, pytest.mark.timeout(600)]


class RealQueues:
    """Queues of one test, with the account's own URLs; TLS, signatures and roles are real."""

    def __init__(self, clients, **queue):
        self.client, self._clients = clients.sqs(), clients
        name = f"pilotlight-test-{secrets.token_hex(4)}"
        queue = {"visibility_s": 20, "wait_s": 5, **queue}
        definition = queues.dead_letter_queue(f"{name}-jobs-echo-dead", QueueSettings(**queue))
        dead = self.client.create_queue(**definition)["QueueUrl"]  # tells account and region
        self.settings = Settings(
            mode="aws",
            aws={"queue_url": dead.removesuffix("echo-dead")},
            queue=queue,
            lease={"lease_s": 10},
        )
        queues.create(self.client, self.settings, ("echo",))
        self.url, self.dead_url = queues.queue_url(self.settings, "echo"), dead
        self.sender = CelerySender(self.settings, ("echo",))

    def send(self, *job_ids):
        for job_id in job_ids:
            self.sender.send(JobMessage(job_id=job_id, worker="echo"))

    @contextlib.contextmanager
    def receiver(self, kind="celery", slots=1):
        clock, queue = SystemClock(), self.settings.queue
        receipts = Receipts(self._clients.sqs(), self.url)
        hints = Hints(receipts, clock, slots=slots, visibility_s=queue.visibility_s)
        pulse = Pulse(clock, patience_s=60)
        if kind == "celery":
            made = CeleryReceiver(self.settings, "echo", hints=hints, pulse=pulse, slots=slots)
        else:
            client = self._clients.sqs(wait_s=queue.wait_s)
            made = SqsReceiver(client, self.url, hints=hints, pulse=pulse, wait_s=queue.wait_s)
        try:
            yield made
        finally:
            made.close()

    def remove(self):
        for url in (self.url, self.dead_url):
            self.client.delete_queue(QueueUrl=url)


@pytest.fixture
def real():
    clients, made = Clients(), []

    def make(**queue):
        stage = RealQueues(clients, **queue)
        made.append(stage)
        return stage

    yield make
    for stage in made:
        stage.remove()
    clients.close()


@pytest.mark.parametrize("kind", ["celery", "loop"])
def test_a_job_comes_through_tls_and_goes(real, kind):
    stage = real()
    with stage.receiver(kind) as receiver:
        receiver.receive(limit=1)
        stage.send("job-1")
        (delivery,) = received(receiver)
        receiver.extend([delivery], seconds=60)
        receiver.ack(delivery)


@pytest.mark.parametrize("kind", ["celery", "loop"])
def test_a_consumer_that_leaves_while_jobs_land_strands_none(real, kind):
    """Whether SQS gives a message to a poll that nobody waits for any more, only SQS knows."""
    stage, sent, got = real(max_receives=100), set(), set()  # each trial takes and hands back
    for trial in range(20):
        with stage.receiver(kind) as receiver:
            receiver.receive(limit=1)
            stage.send(f"job-{trial}")
            sent.add(f"job-{trial}")
            receiver.leave()
    with stage.receiver("loop", slots=10) as successor:

        def all_came():
            for delivery in successor.receive(limit=10):
                got.add(delivery.job_id)
                successor.ack(delivery)
            return got == sent

        until(all_came, "every job", patience_s=2 * stage.settings.queue.visibility_s)


def test_a_handle_that_is_over_is_refused_or_ignored_but_never_somebody_elses(real):
    stage = real(visibility_s=11)
    stage.send("job-1")
    with stage.receiver("loop") as receiver:
        (late,) = received(receiver)
        (again,) = received(receiver)
        assert late.job_id == again.job_id
        receipts = Receipts(stage.client, stage.url)
        with contextlib.suppress(Unavailable):
            receipts.delete(late.token)
        receiver.extend([again], seconds=30)
        receiver.ack(again)


def test_no_message_is_hidden_longer_than_twelve_hours(real):
    """Emulators accept any length."""
    stage = real()
    stage.send("job-1")
    with stage.receiver("loop") as receiver:
        (delivery,) = received(receiver)
        refused = Receipts(stage.client, stage.url).keep({delivery.token: 43_201})
        assert refused == [delivery.token]


def test_a_message_received_too_often_is_moved_with_its_first_sending_time(real):
    stage = real(max_receives=2)
    before = time.time() - 5
    stage.send("job-1")
    with stage.receiver("loop") as receiver:
        for _ in range(2):
            (delivery,) = received(receiver)
            receiver.release(delivery)
        receiver.receive(limit=1)
        letters = SqsDeadLetters(stage.client, [stage.dead_url])
        (letter,) = until(lambda: letters.receive(limit=10), "the redrive", patience_s=120)
    assert letter.job_id == "job-1"
    assert before < letter.sent_at < time.time()
    letters.drop(letter)


def test_a_role_without_rights_is_a_queue_that_cannot_be_reached(real):
    stage = real()
    with pytest.raises(Unavailable):
        Receipts(stage.client, stage.url + "-of-somebody-else").delete("handle")


def test_the_order_of_jobs_is_nearly_kept(real):
    """A standard queue promises none; the row's place in its index is what callers are shown."""
    stage, sent = real(), [f"job-{n}" for n in range(20)]
    stage.send(*sent)
    with stage.receiver("celery", slots=4) as receiver:
        got = []
        while len(got) < len(sent):
            for delivery in received(receiver):
                got += ids([delivery])
                receiver.ack(delivery)
    assert sorted(got) == sorted(sent)
