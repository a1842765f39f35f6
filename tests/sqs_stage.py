"""Queues of one test on an emulator, and both ways to send to and receive from them."""

from __future__ import annotations

import itertools
import select
import time
from contextlib import contextmanager

from pilotlight.adapters.aws import queues
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.hints import Hints
from pilotlight.adapters.aws.pulse import Pulse
from pilotlight.adapters.aws.receipts import Receipts
from pilotlight.adapters.aws.sqs import SqsReceiver, SqsSender
from pilotlight.adapters.celery.producer import CelerySender
from pilotlight.adapters.celery.receiver import CeleryReceiver
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.contracts.message import JobMessage
from pilotlight.settings import Settings

WORKERS = ("echo", "other")
REGION = "us-east-1"
MOTO = f"https://sqs.{REGION}.amazonaws.com/123456789012"
"""Where moto's queues are; ``endpoint`` None stands for it."""
PATIENCE_S = 30
"""How long anything is waited for before the test gives up; nothing depends on it otherwise."""
_names = itertools.count(1)


def settings_for(endpoint, *, through=None, visibility_s=30, wait_s=1, **queue):
    """Settings whose queues nobody else uses; ``through`` is what the clients are told instead."""
    place = f"{endpoint}/000000000000" if endpoint else MOTO
    base = f"{place}/t{next(_names)}-"
    return Settings(
        mode="aws",
        aws={
            "region": REGION,
            "endpoint_url": through or endpoint,
            "queue_url": f"{base}jobs-",
        },
        queue={"visibility_s": visibility_s, "wait_s": wait_s, **queue},
    )


class SqsStage:
    """Made queues, looked at past any proxy."""

    def __init__(self, endpoint, settings):
        self.settings = settings
        self._clients = Clients(region=REGION, endpoint_url=endpoint)
        self.client = self._clients.sqs()
        queues.create(self.client, settings, WORKERS)
        self.url = queues.queue_url(settings, "echo")
        self.dead_url = queues.dead_letter_url(settings, "echo")

    def sender(self, kind="celery"):
        if kind == "celery":
            return CelerySender(self.settings, WORKERS)
        return SqsSender(self.client, self.settings)

    def send(self, *job_ids, worker="echo"):
        sender = SqsSender(self.client, self.settings)
        for job_id in job_ids:
            sender.send(JobMessage(job_id=job_id, worker=worker))

    @contextmanager
    def receiver(self, kind="celery", *, slots=1, patience_s=5.0, deaf_s=60.0, clock=None):
        """A receiver of echo's jobs, closed at the end."""
        clock, queue = clock or SystemClock(), self.settings.queue
        aws = self.settings.aws
        clients = Clients(region=REGION, endpoint_url=aws.endpoint_url)
        receipts = Receipts(clients.sqs(), self.url)
        hints = Hints(
            receipts, clock, slots=slots, visibility_s=queue.visibility_s, patience_s=patience_s
        )
        pulse = Pulse(clock, patience_s=deaf_s)
        if kind == "celery":
            made = CeleryReceiver(self.settings, "echo", hints=hints, pulse=pulse, slots=slots)
        else:
            client = clients.sqs(wait_s=queue.wait_s)
            made = SqsReceiver(client, self.url, hints=hints, pulse=pulse, wait_s=queue.wait_s)
        try:
            yield made
        finally:
            made.close()
            clients.close()

    def counts(self, url=None):
        """Messages that are visible, and hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)
        return tuple(int(answer["Attributes"][name]) for name in names)

    def close(self):
        self._clients.close()


def received(receiver, count=1, *, limit=None):
    """The first ``count`` deliveries; fails when they do not come."""
    found, ends_at = [], time.monotonic() + PATIENCE_S
    while len(found) < count:
        found += receiver.receive(limit=(limit or count) - len(found))
        if len(found) < count:
            left_s = ends_at - time.monotonic()
            assert left_s > 0, f"{len(found)} of {count} came"
            select.select([receiver], [], [], min(left_s, 0.5))
            receiver.poked()
    return found


def ids(deliveries):
    return [delivery.job_id for delivery in deliveries]


def until(look, what, patience_s=PATIENCE_S):
    ends_at = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < ends_at, f"waited {patience_s} s for {what}"
        time.sleep(0.02)  # noqa: TID251 - between two looks, never instead of one
    return found
