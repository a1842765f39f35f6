"""The way up when upkeep does not run: CloudWatch itself starts one replica of a fleet that has work.

While upkeep looks this never moves: the alarm is false by its first factor, and a worker that was
paused stays paused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.template.alarm import Alarm, Expression, Metric
from infra.template.alarms import of_queue
from infra.template.words import Value, att, ref, resource, sub

if TYPE_CHECKING:
    from infra.template.facts import Facts, Fleet

_MOST_QUEUES: Final = 8
"""An alarm computes with ten metrics at most; a larger pool has a second alarm."""


def of_fleet(fleet: Fleet) -> dict[str, Value]:
    """From none to one replica while upkeep is silent."""
    one = fleet.logical
    shares = range(0, len(fleet.members), _MOST_QUEUES)
    return {
        f"{one}Target": _target(fleet),
        f"{one}Fallback": _policy(fleet),
        **{
            f"{one}FallbackAlarm{number or ''}": _alarm(
                fleet, fleet.members[first : first + _MOST_QUEUES], number
            ).resource()
            for number, first in enumerate(shares)
        },
    }


def _target(fleet: Fleet) -> dict[str, Value]:
    service = ["service", ref("Cluster"), att(f"{fleet.logical}Service", "Name")]
    return resource(
        "ApplicationAutoScaling::ScalableTarget",
        {
            "ServiceNamespace": "ecs",
            "ScalableDimension": "ecs:service:DesiredCount",
            "ResourceId": {"Fn::Join": ["/", service]},
            "MinCapacity": 0,
            "MaxCapacity": fleet.spec.max_replicas,
            # Only up: what goes is for upkeep to say, when it is back.
            "SuspendedState": {
                "DynamicScalingInSuspended": True,
                "DynamicScalingOutSuspended": False,
                "ScheduledScalingSuspended": True,
            },
        },
    )


def _policy(fleet: Fleet) -> dict[str, Value]:
    return resource(
        "ApplicationAutoScaling::ScalingPolicy",
        {
            "PolicyName": sub("${AWS::StackName}-" + fleet.part + "-fallback"),
            "PolicyType": "StepScaling",
            "ScalingTargetId": ref(f"{fleet.logical}Target"),
            "StepScalingPolicyConfiguration": {
                "AdjustmentType": "ExactCapacity",
                "MetricAggregationType": "Maximum",
                "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
            },
        },
    )


def _alarm(fleet: Fleet, members: tuple[Facts, ...], number: int) -> Alarm:
    """True while jobs of any of these wait and upkeep is silent."""
    queues = {
        f"visible{index}": of_queue(f"{one.logical}Queue", "ApproximateNumberOfMessagesVisible")
        for index, one in enumerate(members)
    }
    waiting = " + ".join(f"FILL({name}, 0)" for name in queues)
    return Alarm(
        name=f"{fleet.part}-fallback" + (f"-{number}" if number else ""),
        section="fallback",
        says=f"jobs of {fleet.name} wait and upkeep is silent: one replica is started without it",
        of=Expression(
            of={"looks": Metric(name="Looks", stat="Sum"), **queues},
            id="waits",
            text=f"IF(FILL(looks, 0) < 1 AND {waiting} > 0, 1, 0)",
            label="jobs wait, no upkeep",
        ),
        threshold=1,
        periods=3,
        owner=fleet.name,
        starts=ref(f"{fleet.logical}Fallback"),
    )
