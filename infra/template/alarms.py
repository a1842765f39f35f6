"""Alarms: few, each with one thing to do, and each with its part of RUNBOOK.md.

An alarm costs ten US cents a month for every metric in it, so what is asked of all workers
together has one alarm, and a worker's own are those that say which one to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.template.words import Value, att, ref, resource, sub, tags

if TYPE_CHECKING:
    from infra.template.facts import Facts, Fleet

NAMESPACE: Final = "Pilotlight"
STAGE: Final = {"Name": "Stage", "Value": "${sls:stage}"}
OLDEST_S: Final = 900
"""A cold GPU takes 5 to 12 minutes from nothing; who waits longer waits for something broken."""
_MOST_QUEUES: Final = 8
"""An alarm computes with ten metrics at most; a larger pool has a second alarm."""


def of_worker(worker: Facts) -> dict[str, Value]:
    """What to look at for this worker's jobs alone."""
    one = worker.logical
    where = [STAGE, {"Name": "Worker", "Value": worker.name}]
    return {
        f"{one}OldestAlarm": _oldest(worker, where),
        f"{one}LettersAlarm": _alarm(
            f"{worker.part}-dead-letters",
            "dead-letters",
            f"messages of {worker.name} have been dead letters for ten minutes: nobody reads them",
            {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Threshold": 1,
                "Dimensions": [{"Name": "QueueName", "Value": att(f"{one}Letters", "QueueName")}],
            },
            minutes=10,
            owner=worker.name,
        ),
        f"{one}ErrorAlarm": _error_rate(worker, where),
    }


def of_fleet(fleet: Fleet) -> dict[str, Value]:
    """What to look at for these replicas, and the way up when upkeep does not run."""
    where = [STAGE, {"Name": "Worker", "Value": fleet.name}]
    return {
        f"{fleet.logical}LoadAlarm": _alarm(
            f"{fleet.part}-load-failures",
            "load-failures",
            f"replicas of {fleet.name} do not start or do not load",
            {"MetricName": "LoadFailures", "Threshold": 2, "Dimensions": where, "Statistic": "Sum"},
            minutes=1,
            period_s=600,
            owner=fleet.name,
        ),
        **_fallback(fleet),
    }


def of_stage() -> dict[str, Value]:
    """What concerns all workers, or none of them."""
    stage = [STAGE]
    sums = {"Namespace": "AWS/Lambda", "Statistic": "Sum"}
    # Lambda counts requests to a function's URL under its name too, by the status they got.
    ingress = [{"Name": "FunctionName", "Value": ref("IngressLambdaFunction")}]
    return {
        "UpkeepAlarm": _alarm(
            "upkeep-silent",
            "upkeep-silent",
            "upkeep has not looked for five minutes: nothing scales, nothing is taken back",
            {
                "MetricName": "Looks",
                "Threshold": 1,
                "Dimensions": stage,
                "Statistic": "Sum",
                "ComparisonOperator": "LessThanThreshold",
                "TreatMissingData": "breaching",
            },
            minutes=5,
        ),
        "OverdueAlarm": _alarm(
            "overdue-leases",
            "overdue-leases",
            "leases are over and nobody takes the jobs back",
            {"MetricName": "OverdueLeases", "Threshold": 1, "Dimensions": stage},
            minutes=5,
        ),
        "WebhookAlarm": _alarm(
            "webhooks-late",
            "webhooks-late",
            "a webhook that is due has not been tried for five minutes",
            {"MetricName": "WebhookOverdueSeconds", "Threshold": 300, "Dimensions": stage},
            minutes=3,
        ),
        "WebhookFailureAlarm": _alarm(
            "webhooks-failing",
            "webhooks-failing",
            "receivers refuse webhooks or do not answer",
            {"MetricName": "WebhooksFailing", "Threshold": 20, "Dimensions": stage},
            minutes=15,
        ),
        "DropAlarm": _alarm(
            "drop-late",
            "drop-late",
            "messages about dropped objects wait for fifteen minutes: nobody reads them",
            {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Threshold": 900,
                "Dimensions": [{"Name": "QueueName", "Value": att("DropQueue", "QueueName")}],
            },
            minutes=3,
        ),
        "DropLettersAlarm": _alarm(
            "drop-dead-letters",
            "drop-dead-letters",
            "messages about dropped objects were given up",
            {
                "Namespace": "AWS/SQS",
                "MetricName": "ApproximateNumberOfMessagesVisible",
                "Threshold": 1,
                "Dimensions": [{"Name": "QueueName", "Value": att("DropLetters", "QueueName")}],
            },
            minutes=1,
        ),
        "IngressAlarm": _alarm(
            "ingress-errors",
            "ingress-errors",
            "the ingress itself fails: callers get 5xx",
            {"MetricName": "Errors", "Threshold": 5, "Dimensions": ingress, **sums},
            minutes=3,
        ),
        "AnswersAlarm": _alarm(
            "ingress-answers",
            "ingress-answers",
            "the ingress answers with 5xx: it runs, and what it needs does not",
            {"MetricName": "Url5xxCount", "Threshold": 5, "Dimensions": ingress, **sums},
            minutes=5,
        ),
        "ThrottleAlarm": _alarm(
            "ingress-throttled",
            "ingress-throttled",
            "Lambda turns callers away: its concurrency is used up",
            {"MetricName": "Throttles", "Threshold": 1, "Dimensions": ingress, **sums},
            minutes=3,
        ),
    }


def _alarm(
    name: str,
    section: str,
    says: str,
    metric: dict[str, Value],
    *,
    minutes: int,
    period_s: int = 60,
    owner: str | None = None,
) -> dict[str, Value]:
    properties = {
        "Namespace": NAMESPACE,
        "Statistic": "Maximum",
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        **metric,
        "Period": period_s,
        "EvaluationPeriods": minutes,
    }
    return resource("CloudWatch::Alarm", properties | _told(name, section, says, owner))


def _told(name: str, section: str, says: str, owner: str | None) -> dict[str, Value]:
    found: dict[str, Value] = {
        "AlarmName": sub("${AWS::StackName}-" + name),
        "AlarmDescription": f"{says}. infra/RUNBOOK.md#{section}",
        "AlarmActions": [ref("AlarmTopic")],
        "OKActions": [ref("AlarmTopic")],
    }
    return found | ({"Tags": tags(owner)} if owner else {})


def _metric(
    identity: str,
    name: str,
    where: list[Value],
    stat: str,
    *,
    period_s: int,
    namespace: str = NAMESPACE,
) -> dict[str, Value]:
    return {
        "Id": identity,
        "ReturnData": False,
        "MetricStat": {
            "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": where},
            "Period": period_s,
            "Stat": stat,
        },
    }


def _oldest(worker: Facts, where: list[Value]) -> dict[str, Value]:
    """Behind others a job may wait as long as these run; behind nobody no longer than a cold GPU
    takes. Replicas of a pool are counted under its name."""
    behind_s = max(OLDEST_S, 3 * worker.spec.timeout_s)
    hosts = [STAGE, {"Name": "Worker", "Value": worker.spec.pool or worker.name}]
    waits = f"IF(FILL(ready, 0) < 1 OR oldest >= {behind_s:g}, oldest, 0)"
    properties = {
        "Metrics": [
            _metric("oldest", "OldestQueuedSeconds", where, "Maximum", period_s=60),
            _metric("ready", "Ready", hosts, "Maximum", period_s=60),
            {"Id": "waits", "Expression": waits, "Label": "waits, seconds", "ReturnData": True},
        ],
        "Threshold": OLDEST_S,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 3,
        "TreatMissingData": "notBreaching",
    }
    says = (
        f"a job of {worker.name} has waited for {OLDEST_S / 60:g} minutes and nothing is there to "
        f"run it, or for {behind_s / 60:g} minutes behind others"
    )
    told = _told(f"{worker.part}-oldest-queued", "oldest-queued", says, worker.name)
    return resource("CloudWatch::Alarm", properties | told)


def _error_rate(worker: Facts, where: list[Value]) -> dict[str, Value]:
    """Of ten jobs and more: one failed job at night wakes nobody."""
    rate = "IF(failed + succeeded >= 10, 100 * failed / (failed + succeeded), 0)"
    properties = {
        "Metrics": [
            _metric("failed", "Failed", where, "Sum", period_s=900),
            _metric("succeeded", "Succeeded", where, "Sum", period_s=900),
            {"Id": "rate", "Expression": rate, "Label": "failed, percent", "ReturnData": True},
        ],
        "Threshold": 20,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
    }
    says = f"more than a fifth of the jobs of {worker.name} fail"
    told = _told(f"{worker.part}-error-rate", "error-rate", says, worker.name)
    return resource("CloudWatch::Alarm", properties | told)


def _fallback(fleet: Fleet) -> dict[str, Value]:
    """From none to one replica while upkeep is silent. While it looks, this never moves: the
    alarm is false by its first factor, and a worker that was paused stays paused."""
    one = fleet.logical
    return {
        f"{one}Target": resource(
            "ApplicationAutoScaling::ScalableTarget",
            {
                "ServiceNamespace": "ecs",
                "ScalableDimension": "ecs:service:DesiredCount",
                "ResourceId": {
                    "Fn::Join": ["/", ["service", ref("Cluster"), att(f"{one}Service", "Name")]]
                },
                "MinCapacity": 0,
                "MaxCapacity": fleet.spec.max_replicas,
                # Only up: what goes is for upkeep to say, when it is back.
                "SuspendedState": {
                    "DynamicScalingInSuspended": True,
                    "DynamicScalingOutSuspended": False,
                    "ScheduledScalingSuspended": True,
                },
            },
        ),
        f"{one}Fallback": resource(
            "ApplicationAutoScaling::ScalingPolicy",
            {
                "PolicyName": sub("${AWS::StackName}-" + fleet.part + "-fallback"),
                "PolicyType": "StepScaling",
                "ScalingTargetId": ref(f"{one}Target"),
                "StepScalingPolicyConfiguration": {
                    "AdjustmentType": "ExactCapacity",
                    "MetricAggregationType": "Maximum",
                    "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
                },
            },
        ),
        **{
            f"{one}FallbackAlarm{number or ''}": _waiting(
                fleet, fleet.members[first : first + _MOST_QUEUES], number
            )
            for number, first in enumerate(range(0, len(fleet.members), _MOST_QUEUES))
        },
    }


def _waiting(fleet: Fleet, members: tuple[Facts, ...], number: int) -> dict[str, Value]:
    """True while jobs of any of these wait and upkeep is silent."""
    names = [f"visible{index}" for index in range(len(members))]
    waits = " + ".join(f"FILL({name}, 0)" for name in names)
    queues = [
        _metric(
            name,
            "ApproximateNumberOfMessagesVisible",
            [{"Name": "QueueName", "Value": att(f"{one.logical}Queue", "QueueName")}],
            "Maximum",
            period_s=60,
            namespace="AWS/SQS",
        )
        for name, one in zip(names, members, strict=True)
    ]
    properties = {
        "Metrics": [
            _metric("looks", "Looks", [STAGE], "Sum", period_s=60),
            *queues,
            {
                "Id": "waits",
                "Expression": f"IF(FILL(looks, 0) < 1 AND {waits} > 0, 1, 0)",
                "Label": "jobs wait, no upkeep",
                "ReturnData": True,
            },
        ],
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 3,
        "TreatMissingData": "notBreaching",
        "AlarmName": sub(
            "${AWS::StackName}-" + fleet.part + "-fallback" + (f"-{number}" if number else "")
        ),
        "AlarmDescription": f"jobs of {fleet.name} wait and upkeep is silent: one replica is "
        "started without it. infra/RUNBOOK.md#fallback",
        "AlarmActions": [ref(f"{fleet.logical}Fallback"), ref("AlarmTopic")],
        "Tags": tags(fleet.name),
    }
    return resource("CloudWatch::Alarm", properties)
