"""Where the replicas' images lie: one repository, in which tags begin with the engine's name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from infra.template.data import KEEP
from infra.template.words import Value, resource, sub

if TYPE_CHECKING:
    from infra.template.facts import Fleet

_KEPT: Final = 10
"""Of each engine: enough to go back. One number for all engines would let the one that is built every
day push out the one that was built last year and still runs."""
_UNTAGGED_DAYS: Final = 7
"""What a tag that was moved has left behind."""


def resources(fleets: list[Fleet]) -> dict[str, Value]:
    rules = [
        _rule({"tagStatus": "tagged", "tagPrefixList": [f"{name}-"], **_more_than(_KEPT)})
        for name in sorted({one.engine for one in fleets})
    ]
    rules.append(_rule({"tagStatus": "untagged", **_older_than(_UNTAGGED_DAYS)}))
    numbered = [{"rulePriority": number, **rule} for number, rule in enumerate(rules, 1)]
    return {
        "ReplicaImages": resource(
            "ECR::Repository",
            {
                "RepositoryName": sub("${AWS::StackName}-replica"),
                "ImageScanningConfiguration": {"ScanOnPush": True},
                "EmptyOnDelete": True,
                "LifecyclePolicy": {"LifecyclePolicyText": json.dumps({"rules": numbered})},
            },
            DeletionPolicy=KEEP,
            UpdateReplacePolicy=KEEP,
        )
    }


def _rule(selection: dict[str, Value]) -> dict[str, Value]:
    return {"selection": selection, "action": {"type": "expire"}}


def _more_than(count: int) -> dict[str, Value]:
    return {"countType": "imageCountMoreThan", "countNumber": count}


def _older_than(days: int) -> dict[str, Value]:
    return {"countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
