"""What a receipt handle is good for: delete the message, keep it from others, give it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from pilotlight.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef as Entry

BATCH: Final = 10
"""Most entries of one batch request."""


class Receipts:
    """Of one queue. Each method raises Unavailable when SQS does not do it now."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client, self._url = client, queue_url

    def delete(self, handle: str) -> None:
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=handle)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"SQS: {error}") from error

    def give_back(self, handle: str) -> None:
        """Whoever polls next may have it."""
        try:
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=handle, VisibilityTimeout=0
            )
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"SQS: {error}") from error

    def keep(self, seconds: Mapping[str, int]) -> list[str]:
        """Hide each message for so long from now on; the handles for which SQS refused."""
        handles, refused = list(seconds), []
        for first in range(0, len(handles), BATCH):
            batch = handles[first : first + BATCH]
            entries: list[Entry] = [
                {"Id": str(number), "ReceiptHandle": one, "VisibilityTimeout": seconds[one]}
                for number, one in enumerate(batch)
            ]
            try:
                answer = self._client.change_message_visibility_batch(
                    QueueUrl=self._url, Entries=entries
                )
            except (ClientError, BotoCoreError) as error:
                raise Unavailable(f"SQS: {error}") from error
            refused += [batch[int(failed["Id"])] for failed in answer.get("Failed", [])]
        return refused
