"""SQS with nothing but boto3: the port's second implementation, and the measure of the first."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.adapters.aws import wire
from pilotlight.adapters.aws.queues import queue_url
from pilotlight.errors import Unavailable
from pilotlight.observability import logs, trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_sqs import SQSClient

    from pilotlight.adapters.aws.hints import Hints
    from pilotlight.adapters.aws.pulse import Pulse
    from pilotlight.contracts.message import JobMessage
    from pilotlight.ports.queue import Delivery
    from pilotlight.settings import Settings

_MOST: Final = 10
"""Most messages of one ReceiveMessage."""
_FIRST_PAUSE_S: Final = 0.1
_MAX_PAUSE_S: Final = 5.0


class SqsSender:
    rides_on_store = False

    def __init__(self, client: SQSClient, settings: Settings) -> None:
        self._client, self._settings = client, settings

    def send(self, message: JobMessage) -> None:
        url = queue_url(self._settings, message.worker)
        try:
            self._client.send_message(
                QueueUrl=url,
                MessageBody=wire.encode(message),
                **wire.fair_group(message),
                **_traced(message),
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"SQS: {error}") from error

    def poke(self, worker: str, *job_ids: str) -> None:
        """Nothing to do: a replica sees at its next beat that a row is not its own any more."""

    def close(self) -> None:
        """Its client is not its own."""


def _traced(message: JobMessage) -> dict[str, Any]:
    """X-Ray's own place on a message: it is not counted as part of it."""
    if not message.trace:
        return {}
    header = {"DataType": "String", "StringValue": trace.xray(message.trace)}
    return {"MessageSystemAttributes": {"AWSTraceHeader": header}}


class SqsReceiver:
    """One thread polls, one long poll at a time, and only while the replica wants something."""

    def __init__(
        self, client: SQSClient, url: str, *, hints: Hints, pulse: Pulse, wait_s: int
    ) -> None:
        self._client, self._url, self._wait_s = client, url, wait_s
        self._hints, self.pulse = hints, pulse
        self._room = threading.Event()
        self._over = threading.Event()
        hints.on_room = self._room.set
        self._thread = threading.Thread(target=self._live, name="sqs", daemon=True)
        self._thread.start()

    def receive(self, *, limit: int) -> list[Delivery]:
        deliveries = self._hints.take(limit)
        self.pulse.wanted(self._hints.room > 0)
        self.pulse.look()
        return deliveries

    def fileno(self) -> int:
        return self._hints.fileno()

    def poked(self) -> list[str]:
        self._hints.heard()
        return []

    def extend(self, deliveries: Sequence[Delivery], *, seconds: float) -> None:
        self._hints.extend(deliveries, seconds=seconds)

    def ack(self, delivery: Delivery) -> None:
        self._hints.ack(delivery)

    def release(self, delivery: Delivery) -> None:
        self._hints.release(delivery)

    def leave(self) -> None:
        self._hints.leave()
        self.pulse.wanted(False)
        self._over.set()
        self._room.set()

    def close(self) -> None:
        """Waits for the long poll under way: what it brings would stay hidden for a while."""
        self.leave()
        self._thread.join()
        self._hints.close()

    def _live(self) -> None:
        pause_s = 0.0
        while not self._over.wait(pause_s):
            room = self._hints.room
            if not room:
                self._rest()
                pause_s = 0.0
                continue
            try:
                messages = self._poll(min(room, _MOST))
            except (ClientError, BotoCoreError) as error:
                pause_s = min(pause_s * 2 or _FIRST_PAUSE_S, _MAX_PAUSE_S)
                logs.event("queue.receive_failed", error=str(error)[:200])
            else:
                pause_s = 0.0
                for message in messages:
                    self._arrived(message)
            self.pulse.beat()

    def _rest(self) -> None:
        """Until there is room, looking after hints that nobody takes."""
        self._room.clear()
        if not self._hints.room and not self._over.is_set():
            self._room.wait(1.0)
        for hint in self._hints.stale():
            self._hints.withdraw(hint)

    def _poll(self, most: int) -> Sequence[Any]:
        answer = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=most, WaitTimeSeconds=self._wait_s
        )
        return answer.get("Messages", [])

    def _arrived(self, message: Any) -> None:
        try:
            job_id = wire.decode(message["Body"]).job_id
        except wire.Unreadable as error:
            logs.event("queue.unreadable", error=str(error))  # the redrive takes it away
        else:
            self._hints.arrived(job_id, message["ReceiptHandle"])
