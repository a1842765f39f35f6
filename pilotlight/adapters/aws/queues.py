"""The queues of AWS mode as data: ``up --aws-emulated`` makes them from here, infra says the same.

Two queues per worker: its jobs, and what SQS gave up on of them. So one worker's dead letters are
seen, counted and sent back without touching another's. Every job queue has its redrive policy:
kombu 5.7 deletes a message that it refuses from a queue without one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from types_boto3_sqs import SQSClient

    from pilotlight.settings import Settings
    from pilotlight.settings.aws import QueueSettings

DEAD: Final = "-dead"
"""Ends the name of the queue that keeps what SQS gave up on."""


def queue_name(settings: Settings, worker: str) -> str:
    """The last part of the URL. SQS allows letters, digits, hyphens and underscores."""
    return queue_url(settings, worker).rpartition("/")[2]


def queue_url(settings: Settings, worker: str) -> str:
    return settings.aws.queue_url + worker.replace(".", "_")


def dead_letter_url(settings: Settings, worker: str) -> str:
    """Where this worker's dead letters are."""
    return queue_url(settings, worker) + DEAD


def dead_letter_queue(name: str, settings: QueueSettings) -> dict[str, Any]:
    """Arguments of CreateQueue. A letter keeps its first sending time, so keep it longest."""
    seconds = {
        "MessageRetentionPeriod": settings.retention_s,
        "VisibilityTimeout": int(settings.upkeep_s / 2),  # not dropped: seen at the next look
    }
    return {"QueueName": name, "Attributes": {key: str(value) for key, value in seconds.items()}}


def only_from(source: Any) -> dict[str, Any]:
    """RedriveAllowPolicy of a dead-letter queue: the ARN of the one queue that may give to it."""
    return {"redrivePermission": "byQueue", "sourceQueueArns": [source]}


def job_queue(name: str, settings: QueueSettings, *, dead_letters: str) -> dict[str, Any]:
    """Arguments of CreateQueue; ``dead_letters`` is the ARN of where they go."""
    redrive = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": settings.max_receives}
    return {
        "QueueName": name,
        "Attributes": {
            "VisibilityTimeout": str(int(settings.visibility_s)),
            "MessageRetentionPeriod": str(settings.retention_s),
            "RedrivePolicy": json.dumps(redrive),
        },
    }


class Pair(NamedTuple):
    """What a worker's two queues say."""

    waiting: int
    dead: int
    trouble: str | None = None


def look(client: SQSClient, settings: Settings, worker: str) -> Pair:
    """Counts are SQS's own, which are about right a minute later."""
    counts: list[int] = []
    for url in (queue_url(settings, worker), dead_letter_url(settings, worker)):
        try:
            said = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        except (ClientError, BotoCoreError) as error:
            return Pair(0, 0, f"{url}: {str(error)[:200]}; deploy the stack again")
        if not counts and "RedrivePolicy" not in said:
            return Pair(0, 0, f"{url} has no redrive policy: nothing becomes a dead letter")
        counts.append(int(said["ApproximateNumberOfMessages"]))
    return Pair(counts[0], counts[1])


def create(client: SQSClient, settings: Settings, workers: Iterable[str]) -> None:
    """Make every queue that the settings name; those that exist are left as they are."""
    for worker in workers:
        name = queue_name(settings, worker)
        dead = dead_letter_queue(name + DEAD, settings.queue)
        url = client.create_queue(**dead)["QueueUrl"]
        answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn = answer["Attributes"]["QueueArn"]
        client.create_queue(**job_queue(name, settings.queue, dead_letters=arn))
        allowed = json.dumps(only_from(arn.removesuffix(DEAD)))
        client.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": allowed})
