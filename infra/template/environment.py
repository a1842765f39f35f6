"""The settings of every process of a deployment, as environment variables.

``${AWS::StackName}`` stands before every name: two stages live in one account and never meet.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from infra.template.facts import GRACE_S
from infra.template.words import Value, ref, sub
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.template.facts import Fleet
    from pilotlight.settings import Settings

DATA: Final = "/var/lib/pilotlight"
"""Scratch of a replica: a volume, in a container whose root cannot be written."""
WEIGHTS: Final = "/weights"
"""On the host's own disks, shared by the replicas of a host and kept when one ends."""
LAMBDA_DATA: Final = "/tmp/pilotlight"  # noqa: S108 - the only folder that a Lambda may write
PARAMETERS: Final = "/pilotlight/${sls:stage}/workers"
"""SSM path under which an operator overrules a worker's declaration."""
KEYS: Final = "/pilotlight/${sls:stage}/upstreams"
"""SSM path of the keys with which relaying workers ask their upstreams; only ECS reads them."""
STACK_PARAMETER: Final = "/pilotlight/${sls:stage}/settings"
"""Where ``PILOTLIGHT_STACK`` points an operator's own command line to."""
_CHOSEN: Final = (
    "workers", "routes", "upstreams", "pools", "lease", "job", "quota", "scaling", "drop", "webhook",
    "fetch", "queue", "costs",
)  # fmt: skip
"""Settings that are the deployment's and no secret; the others are the template's own to say."""
MOST_ENVIRONMENT: Final = 4096
"""Bytes of a Lambda's environment, names and values."""
MOST_GIVEN: Final = MOST_ENVIRONMENT - 1600
"""Of them for what is set by whoever packages; a test holds the rest to its share."""
_SQS: Final = "https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/${AWS::StackName}-"


def aws_settings() -> dict[str, Value]:
    """The group ``aws``, by field."""
    return {
        "region": ref("AWS::Region"),
        "stage": "${sls:stage}",
        "jobs_table": ref("JobsTable"),
        "secrets_table": ref("SecretsTable"),
        "bucket": ref("FilesBucket"),
        "drop_bucket": ref("DropBucket"),
        "queue_url": sub(f"{_SQS}jobs-"),
        "cluster": ref("Cluster"),
        "service_prefix": sub("${AWS::StackName}-"),
        "kick_function": sub("${AWS::StackName}-kick"),
        "parameters": PARAMETERS,
    }


def chosen(settings: Settings) -> dict[str, Value]:
    """The workers, and what else whoever packages has set: what the template was made by is what every
    process goes by."""
    said = settings.model_dump(mode="json", include=set(_CHOSEN), exclude_unset=True)
    said["workers"] = list(settings.workers)
    return {f"PILOTLIGHT_{name.upper()}": json.dumps(value) for name, value in said.items()}


def common(given: Mapping[str, Value]) -> dict[str, Value]:
    """What every process is given."""
    found: dict[str, Value] = {
        "PILOTLIGHT_MODE": "aws",
        "PILOTLIGHT_ALLOW_LOOPBACK": "false",
        "PILOTLIGHT_LOG_LEVEL": "${param:logLevel}",
        **given,
    }
    return found | {f"PILOTLIGHT_AWS__{name.upper()}": v for name, v in aws_settings().items()}


def of_functions(given: Mapping[str, Value]) -> dict[str, Value]:
    """A Lambda's, on top of which each one may have its own.

    Raises SettingsError for more than a Lambda can be given.
    """
    _must_fit(given)
    # The same messages by boto3 alone: a function that starts cold does not load Celery.
    return common(given) | {"PILOTLIGHT_DATA": LAMBDA_DATA, "PILOTLIGHT_QUEUE__CONSUMER": "loop"}


def _must_fit(given: Mapping[str, Value]) -> None:
    sizes = {name: len(name) + len(str(value).encode()) for name, value in given.items()}
    if sum(sizes.values()) > MOST_GIVEN:
        largest = max(sizes, key=lambda name: sizes[name])
        raise SettingsError(
            f"the settings that are given take {sum(sizes.values())} bytes, {largest} alone "
            f"{sizes[largest]}; a Lambda's environment has room for {MOST_GIVEN} of them: say less, or "
            "deploy a second stage with its own PILOTLIGHT_WORKERS packages"
        )


def of_replica(fleet: Fleet, given: Mapping[str, Value]) -> list[dict[str, Value]]:
    """A container's, in ECS's way of writing it."""
    found = common(given) | {
        "PILOTLIGHT_DATA": DATA,
        "PILOTLIGHT_REPLICA__GRACE_S": str(GRACE_S),
        "PILOTLIGHT_WEIGHTS__BUCKET": ref("WeightsBucket"),
        "PILOTLIGHT_WEIGHTS__FOLDER": WEIGHTS,
        "HF_HOME": f"{WEIGHTS}/{fleet.name}",  # a hub's cache that was published is found there
        "TMPDIR": DATA,
        "HOME": DATA,
    }
    if fleet.memory_gib is not None:
        found["PILOTLIGHT_POOLS"] = json.dumps({fleet.name: {"memory_gib": fleet.memory_gib}})
    return [{"Name": name, "Value": value} for name, value in sorted(found.items())]


def operators_document() -> Value:
    """The settings parameter: JSON in which CloudFormation fills in what it knows."""
    filled = {
        "region": "${AWS::Region}",
        "jobs_table": "${JobsTable}",
        "secrets_table": "${SecretsTable}",
        "bucket": "${FilesBucket}",
        "drop_bucket": "${DropBucket}",
        "cluster": "${Cluster}",
    }
    group = {
        name: filled.get(
            name, value["Fn::Sub"] if isinstance(value, dict) and "Fn::Sub" in value else value
        )
        for name, value in aws_settings().items()
    }
    return sub(json.dumps({"mode": "aws", "aws": group}))
