"""Tables and queues as the code itself defines them, so that the template cannot drift from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from infra.template.words import Value, att, resource, sub, tags
from pilotlight.adapters.aws import queues, tables

if TYPE_CHECKING:
    from infra.template.facts import Facts
    from pilotlight.settings import Settings
    from pilotlight.settings.aws import QueueSettings

KEEP: Final = "${param:keepData}"
"""``Retain`` or ``Delete``: what happens to data when the stack goes."""
DEAD_LETTER_FACTOR: Final = 6
"""SQS advises a visibility of six times the timeout of the Lambda that it feeds."""
DEAD_LETTER_TIMEOUT_S: Final = 60


def resources(settings: Settings, workers: list[Facts]) -> dict[str, Value]:
    found = {
        "JobsTable": _table(tables.jobs_table("${AWS::StackName}-jobs"), streams=True),
        "SecretsTable": _table(tables.secrets_table("${AWS::StackName}-secrets")),
        "DeadLetterQueue": _dead_letters(settings.queue),
    }
    for one in workers:
        found[f"{one.logical}Queue"] = _queue(one, settings.queue)
    return found


def _table(definition: dict[str, Value], *, streams: bool = False) -> dict[str, Value]:
    properties = definition | {
        "TableName": sub(definition["TableName"]),
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "DeletionProtectionEnabled": "${param:protectData}",
        # A key of the account that DynamoDB keeps: nothing is paid while nobody asks.
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
    }
    if streams:
        properties["StreamSpecification"] = {"StreamViewType": "NEW_IMAGE"}
        properties["TimeToLiveSpecification"] = {"AttributeName": tables.TTL, "Enabled": True}
    return resource("DynamoDB::Table", properties, DeletionPolicy=KEEP, UpdateReplacePolicy=KEEP)


def _dead_letters(settings: QueueSettings) -> dict[str, Value]:
    attributes = queues.dead_letter_queue("", settings)["Attributes"]
    properties = {
        "QueueName": sub("${AWS::StackName}-dead-letters"),
        "MessageRetentionPeriod": int(attributes["MessageRetentionPeriod"]),
        "VisibilityTimeout": DEAD_LETTER_FACTOR * DEAD_LETTER_TIMEOUT_S,
        "SqsManagedSseEnabled": True,
    }
    return resource("SQS::Queue", properties)


def _queue(worker: Facts, settings: QueueSettings) -> dict[str, Value]:
    attributes = queues.job_queue("", settings, dead_letters="")["Attributes"]
    redrive = json.loads(attributes["RedrivePolicy"])
    redrive["deadLetterTargetArn"] = att("DeadLetterQueue", "Arn")
    properties = {
        "QueueName": sub("${AWS::StackName}-jobs-" + worker.part),
        "VisibilityTimeout": int(attributes["VisibilityTimeout"]),
        "MessageRetentionPeriod": int(attributes["MessageRetentionPeriod"]),
        "RedrivePolicy": redrive,
        "SqsManagedSseEnabled": True,
        "Tags": tags(worker.name),
    }
    return resource("SQS::Queue", properties)


def queue_arns(workers: list[Facts]) -> list[Value]:
    return [att(f"{one.logical}Queue", "Arn") for one in workers]
