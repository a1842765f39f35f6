"""The queue that SQS moves a message to when it was received too often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.adapters.aws import wire
from pilotlight.adapters.aws.receipts import Receipts
from pilotlight.errors import Unavailable
from pilotlight.ports.queue import DeadLetter

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

_MOST: Final = 10
"""Most messages of one ReceiveMessage."""


class SqsDeadLetters:
    def __init__(self, client: SQSClient, url: str) -> None:
        self._client, self._url = client, url
        self._receipts = Receipts(client, url)

    def receive(self, *, limit: int) -> list[DeadLetter]:
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(limit, _MOST),
                MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"SQS: {error}") from error
        return [_letter(message) for message in answer.get("Messages", [])]

    def drop(self, letter: DeadLetter) -> None:
        self._receipts.delete(letter.token)


def _letter(message: Any) -> DeadLetter:
    try:
        job_id = wire.decode(message["Body"]).job_id
    except wire.Unreadable:
        job_id = None
    return DeadLetter(
        job_id,
        sent_at=int(message["Attributes"]["SentTimestamp"]) / 1000,
        receives=int(message["Attributes"]["ApproximateReceiveCount"]),
        token=message["ReceiptHandle"],
    )
