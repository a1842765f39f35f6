"""What ministack does not know of the template is given to moto, call by call, as it stands there.

moto checks parameters and keeps what it is told; it starts nothing.
"""

from __future__ import annotations

import boto3
import pytest

REGION, STACK = "eu-central-1", "pilotlight-prod"


@pytest.fixture
def account(monkeypatch, prod):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "emulated")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    from moto import mock_aws

    with mock_aws():
        ecs = boto3.client("ecs", REGION)
        ecs.create_cluster(clusterName=STACK)
        yield lambda service: boto3.client(service, REGION)


def known(value):
    """The template's value with what CloudFormation would fill in."""
    if isinstance(value, list):
        return [known(one) for one in value]
    if not isinstance(value, dict):
        return value
    (name, said), *more = value.items()
    if more or name not in FILLED:
        return {key: known(one) for key, one in value.items()}
    return FILLED[name](said)


def attribute(said):
    name, which = said
    if which == "Name":
        return f"{STACK}-{name.removesuffix('Service').lower()}"
    return f"{STACK}-jobs-{name.removesuffix('Queue').lower()}"


FILLED = {
    "Ref": lambda name: STACK if name == "Cluster" else f"arn:aws:sns:{REGION}:123456789012:{name}",
    "Fn::Sub": lambda text: text.replace("${AWS::StackName}", STACK),
    "Fn::GetAtt": attribute,
    "Fn::Join": lambda said: said[0].join(known(said[1])),
}


def camel(value):
    """ECS wants its names to begin small."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: camel(one) for key, one in value.items()}
    return value


def test_the_fallback_scales_the_service_that_is_there(account, prod):
    ecs = account("ecs")
    ecs.register_task_definition(
        family="echo", containerDefinitions=[{"name": "replica", "image": "x", "memory": 1}]
    )
    service = f"{STACK}-echo"
    ecs.create_service(cluster=STACK, serviceName=service, taskDefinition="echo", desiredCount=0)
    scaling = account("application-autoscaling")

    target = known(prod.properties("EchoTarget"))
    target.pop("Tags")
    scaling.register_scalable_target(**target)
    policy = known(prod.properties("EchoFallback"))
    policy.pop("ScalingTargetId")
    where = {name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    made = scaling.put_scaling_policy(**policy, **where)

    (found,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert found["ResourceId"] == f"service/{STACK}/{service}"
    assert (found["MinCapacity"], found["MaxCapacity"]) == (0, 4)
    assert made["PolicyARN"]
    (step,) = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert step["StepScalingPolicyConfiguration"]["AdjustmentType"] == "ExactCapacity"


def test_alarms_on_metric_math_are_taken(account, prod):
    watch = account("cloudwatch")
    for name in ("EchoErrorAlarm", "EchoFallbackAlarm", "EchoOldestAlarm"):
        properties = known(prod.properties(name))
        watch.put_metric_alarm(**properties)
    found = {one["AlarmName"]: one for one in watch.describe_alarms()["MetricAlarms"]}
    assert set(found) == {
        f"{STACK}-echo-{kind}" for kind in ("error-rate", "fallback", "oldest-queued")
    }
    assert len(found[f"{STACK}-echo-fallback"]["Metrics"]) == 3


def test_the_gpu_hosts_provider_is_taken_with_managed_scaling_from_zero(account, prod):
    ecs = account("ecs")
    properties = camel(known(prod.properties("G48Provider")))
    ecs.create_capacity_provider(**properties)
    (found,) = ecs.describe_capacity_providers(capacityProviders=[f"{STACK}-g48"])[
        "capacityProviders"
    ]
    assert found["autoScalingGroupProvider"]["managedScaling"]["status"] == "ENABLED"
