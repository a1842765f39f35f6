"""One dashboard for a stage: what runs, waits, fails and costs, a row of four for each worker or pool."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from infra.template.alarm import NAMESPACE
from infra.template.words import Value, resource, sub
from pilotlight.adapters.aws.machines import billed_as
from pilotlight.adapters.aws.queues import DEAD

if TYPE_CHECKING:
    from infra.template.facts import Fleet

_HEIGHT: Final = 5
_STAGE: Final = "${sls:stage}"


def resources(fleets: list[Fleet]) -> dict[str, Value]:
    widgets = _head()
    for row, one in enumerate(fleets):
        widgets += _row(one, y=2 * _HEIGHT + row * _HEIGHT)
    body = json.dumps({"start": "-PT3H", "periodOverride": "inherit", "widgets": widgets})
    properties = {"DashboardName": sub("${AWS::StackName}"), "DashboardBody": sub(body)}
    return {"Dashboard": resource("CloudWatch::Dashboard", properties)}


def _head() -> list[dict[str, Any]]:
    functions = ("ingress", "upkeep", "kick", "dispatch", "drop", "dead-letters")
    lines: list[list[Any]] = [
        ["AWS/Lambda", "Errors", "FunctionName", f"${{AWS::StackName}}-{f}"] for f in functions
    ]
    lines.append(
        ["AWS/Lambda", "Url5xxCount", "FunctionName", "${AWS::StackName}-ingress", {"label": "5xx"}]
    )
    calls = [
        ["AWS/Lambda", "Invocations", "FunctionName", f"${{AWS::StackName}}-{f}"] for f in functions
    ]
    stage = ["Stage", _STAGE]
    overdue: list[list[Any]] = [
        [NAMESPACE, name, *stage] for name in ("OverdueSeconds", "WebhookOverdueSeconds")
    ]
    drop: list[Any] = ["QueueName", "${AWS::StackName}-drop", {"label": "dropped objects"}]
    overdue.append(["AWS/SQS", "ApproximateAgeOfOldestMessage", *drop])
    counted = [
        [NAMESPACE, name, *stage] for name in ("OverdueLeases", "WebhooksFailing", "DeadLetters")
    ]
    table = [
        ["AWS/DynamoDB", name, "TableName", "${JobsTable}"]
        for name in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
    ]
    return [
        _graph("Failing: functions", lines, x=0, y=0, stat="Sum"),
        _graph("Failing: rows and webhooks", counted, x=6, y=0),
        _graph("Late, seconds", overdue, x=12, y=0),
        _graph("Costing: requests", calls + table, x=18, y=0, stat="Sum"),
        _running_everywhere(),
    ]


def _running_everywhere() -> dict[str, Any]:
    search = f"SEARCH('{{{NAMESPACE},Stage,Worker}} Stage=\"{_STAGE}\" MetricName=\"Ready\"', 'Maximum', 60)"
    widget = _graph("Running: replicas of all workers", [], x=0, y=_HEIGHT)
    widget["width"] = 24
    widget["properties"] |= {"metrics": [[{"expression": search, "id": "ready"}]], "stacked": True}
    return widget


def _row(fleet: Fleet, *, y: int) -> list[dict[str, Any]]:
    where = ["Stage", _STAGE, "Worker", fleet.name]

    def lines(*names: str) -> list[list[Any]]:
        """Of each worker that the fleet serves."""
        return [
            [NAMESPACE, name, "Stage", _STAGE, "Worker", one.name]
            for one in fleet.members
            for name in names
        ]

    hours = [
        [NAMESPACE, "Ready", *where, {"id": "ready", "visible": False}],
        [NAMESPACE, "Starting", *where, {"id": "starting", "visible": False}],
        [
            {
                "expression": "(FILL(ready, 0) + FILL(starting, 0)) / 60",
                "label": billed_as(fleet.spec, fleet.region),
            }
        ],
    ]
    replicas = [[NAMESPACE, name, *where] for name in ("Ready", "Starting")]
    failing = [*lines("Failed", "Succeeded"), [NAMESPACE, "LoadFailures", *where], *_letters(fleet)]
    title = f"{fleet.name}: "
    return [
        _graph(title + "running", [*lines("Running"), *replicas], x=0, y=y),
        _graph(title + "waiting", lines("Queued", "OldestQueuedSeconds"), x=6, y=y),
        _graph(title + "failing", failing, x=12, y=y, stat="Sum"),
        _graph(title + "costing, machine hours a minute", hours, x=18, y=y),
    ]


def _letters(fleet: Fleet) -> list[list[Any]]:
    """What SQS gave up on and nobody has looked at yet."""
    return [
        [
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "QueueName",
            "${AWS::StackName}-jobs-" + one.part + DEAD,
            {"label": f"{one.name}: dead letters", "stat": "Maximum"},
        ]
        for one in fleet.members
    ]


def _graph(
    title: str, metrics: list[Any], *, x: int, y: int, stat: str = "Maximum"
) -> dict[str, Any]:
    return {
        "type": "metric",
        "x": x,
        "y": y,
        "width": 6,
        "height": _HEIGHT,
        "properties": {
            "title": title,
            "metrics": metrics,
            "region": "${AWS::Region}",
            "stat": stat,
            "period": 60,
            "view": "timeSeries",
        },
    }
