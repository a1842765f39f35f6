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
"""``Retain`` or ``Delete``: what happens to data when the stack goes. ``plugins/keep.js`` makes of the
first what takes back a failed first deployment."""
DEAD_LETTER_FACTOR: Final = 6
"""SQS advises a visibility of six times the timeout of the Lambda that it feeds."""
DEAD_LETTER_TIMEOUT_S: Final = 60
_LETTERS_BATCH: Final = 10
MAPPING: Final = "Mapping"
"""Ends the logical id of what wakes the function for a worker's dead letters."""


def resources(settings: Settings, workers: list[Facts]) -> dict[str, Value]:
    found = {
        "JobsTable": _table(tables.jobs_table("${AWS::StackName}-jobs"), streams=True),
        "SecretsTable": _table(tables.secrets_table("${AWS::StackName}-secrets")),
    }
    for one in workers:
        found |= _pair(one, settings.queue)
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


def _pair(worker: Facts, settings: QueueSettings) -> dict[str, Value]:
    """A worker's jobs, its dead letters, and the function that looks at those."""
    letters = f"{worker.logical}Letters"
    return {
        f"{worker.logical}Queue": _queue(worker, settings),
        letters: _letters(worker, settings),
        f"{letters}{MAPPING}": resource(
            "Lambda::EventSourceMapping",
            {
                "FunctionName": att("DeadLettersLambdaFunction", "Arn"),
                "EventSourceArn": att(letters, "Arn"),
                "BatchSize": _LETTERS_BATCH,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
                "Tags": tags(worker.name),
            },
            DependsOn=["DeadLettersRole"],  # Lambda looks whether it may read the queue
        ),
    }


def _letters(worker: Facts, settings: QueueSettings) -> dict[str, Value]:
    attributes = queues.dead_letter_queue("", settings)["Attributes"]
    name = "${AWS::StackName}-jobs-" + worker.part
    # By name: each of the two refers to the other, and CloudFormation makes one of them first.
    source = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:" + name
    properties = {
        "QueueName": sub(name + queues.DEAD),
        "MessageRetentionPeriod": int(attributes["MessageRetentionPeriod"]),
        "VisibilityTimeout": DEAD_LETTER_FACTOR * DEAD_LETTER_TIMEOUT_S,
        "RedriveAllowPolicy": queues.only_from(sub(source)),
        "SqsManagedSseEnabled": True,
        "Tags": tags(worker.name),
    }
    return resource("SQS::Queue", properties)


def _queue(worker: Facts, settings: QueueSettings) -> dict[str, Value]:
    attributes = queues.job_queue("", settings, dead_letters="")["Attributes"]
    redrive = json.loads(attributes["RedrivePolicy"])
    redrive["deadLetterTargetArn"] = att(f"{worker.logical}Letters", "Arn")
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


def letters_arns(workers: list[Facts]) -> list[Value]:
    return [att(f"{one.logical}Letters", "Arn") for one in workers]
