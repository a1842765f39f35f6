"""The queues that SQS moves messages to which were received too often: one beside each worker's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.adapters.aws import wire
from pilotlight.adapters.aws.receipts import Receipts
from pilotlight.errors import Unavailable
from pilotlight.ports.queue import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_sqs import SQSClient

_MOST: Final = 10
"""Most messages of one ReceiveMessage."""


class SqsDeadLetters:
    """Of several queues: each call goes on where the one before it stopped, so that letters which
    nobody may drop yet do not hide those of other workers.
    """

    def __init__(self, client: SQSClient, urls: Sequence[str]) -> None:
        self._client, self._urls = client, tuple(urls)
        self._receipts = [Receipts(client, url) for url in self._urls]
        self._next = 0

    def receive(self, *, limit: int) -> list[DeadLetter]:
        """One request for each queue that has none, up to the first that has some."""
        for _ in self._urls:
            place, self._next = self._next, (self._next + 1) % len(self._urls)
            found = self._received(place, limit)
            if found:
                return found
        return []

    def _received(self, place: int, limit: int) -> list[DeadLetter]:
        try:
            answer = self._client.receive_message(
                QueueUrl=self._urls[place],
                MaxNumberOfMessages=min(limit, _MOST),
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"SQS: {error}") from error
        return [_letter(message, place) for message in answer.get("Messages", [])]

    def drop(self, letter: DeadLetter) -> None:
        place, _, handle = letter.token.partition(" ")
        self._receipts[int(place)].delete(handle)


def _letter(message: Any, place: int) -> DeadLetter:
    try:
        job_id = wire.decode(message["Body"]).job_id
    except wire.Unreadable:
        job_id = None
    return DeadLetter(
        job_id,
        sent_at=int(message["Attributes"]["SentTimestamp"]) / 1000,
        receives=int(message["Attributes"]["ApproximateReceiveCount"]),
        token=f"{place} {message['ReceiptHandle']}",
    )
