"""The queues of AWS mode as data: ``up --aws-emulated`` makes them from here, infra says the same.

One queue per worker, and one that all of them give their dead letters to. Every queue has that
redrive policy: kombu 5.7 deletes a message that it refuses from a queue without one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from types_boto3_sqs import SQSClient

    from pilotlight.settings import Settings
    from pilotlight.settings.aws import QueueSettings


def queue_name(settings: Settings, worker: str) -> str:
    """The last part of the URL. SQS allows letters, digits, hyphens and underscores."""
    return queue_url(settings, worker).rpartition("/")[2]


def queue_url(settings: Settings, worker: str) -> str:
    return settings.aws.queue_url + worker.replace(".", "_")


def dead_letter_queue(name: str, settings: QueueSettings) -> dict[str, Any]:
    """Arguments of CreateQueue. A letter keeps its first sending time, so keep it longest."""
    seconds = {
        "MessageRetentionPeriod": settings.retention_s,
        "VisibilityTimeout": int(settings.upkeep_s / 2),  # not dropped: seen at the next look
    }
    return {"QueueName": name, "Attributes": {key: str(value) for key, value in seconds.items()}}


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


def create(client: SQSClient, settings: Settings, workers: Iterable[str]) -> None:
    """Make every queue that the settings name; those that exist are left as they are."""
    name = settings.aws.dead_letter_url.rpartition("/")[2]
    url = client.create_queue(**dead_letter_queue(name, settings.queue))["QueueUrl"]
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    for worker in workers:
        definition = job_queue(queue_name(settings, worker), settings.queue, dead_letters=arn)
        client.create_queue(**definition)
