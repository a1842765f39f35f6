"""Deploys the packaged template, less what the emulator does not know, and says what that was.

It is deployed as osls does it: a stack with nothing but a bucket, the zip into the bucket, then
the whole template as an update.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.template.engines import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from infra.emulated.server import Emulator
    from pilotlight.ports.clock import Clock

REFUSED: Final = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::AutoScaling::WarmPool",
    "AWS::Budgets::Budget",
    "AWS::ECS::CapacityProvider",
    "AWS::ECS::ClusterCapacityProviderAssociations",
}
"""ministack 1.5.33 fails the whole stack for one of these; and for an alarm on metric math."""
PLAIN: Final = "AWS::S3::BucketPolicy"
"""It knows these and holds to them: TLS alone, so it would refuse everybody who speaks to it
without, as all do here."""
AMI: Final = "/emulated/gpu-ami"
_DEPLOYED_S: Final = 120.0


class NotDeployed(Exception):
    """The emulator refused the stack; the message says which resource and why."""


@dataclass(frozen=True)
class Stack:
    """What was deployed."""

    name: str
    outputs: dict[str, str]
    left_out: dict[str, str]
    """Logical id of what the emulator does not know, with its type."""
    resources: dict[str, str]
    """Physical id by logical id."""
    zip_path: Path
    """Of its functions."""


def deploy(emulator: Emulator, package: Path, zip_path: Path, clock: Clock) -> Stack:
    """``package`` is the folder ``.serverless``. Raises NotDeployed."""
    first = json.loads((package / "cloudformation-template-create-stack.json").read_text())
    whole = json.loads((package / "cloudformation-template-update-stack.json").read_text())
    left_out = _without_the_refused(whole["Resources"])
    _as_it_can_run(whole["Resources"], emulator)
    _with_roles_it_can_read(whole["Resources"])
    name = json.loads((package / "serverless-state.json").read_text())["service"]["provider"][
        "stackName"
    ]
    emulator.client("ssm").put_parameter(
        Name=AMI, Value="ami-0123456789abcdef0", Type="String", DataType="aws:ec2:image"
    )
    formation = emulator.client("cloudformation")
    formation.create_stack(StackName=name, TemplateBody=json.dumps(first))
    _settled(formation, name, clock)
    _upload(emulator, formation, name, whole, zip_path)
    outputs = _settled(formation, name, clock)
    return Stack(name, outputs, left_out, _resources(formation, name), zip_path)


def _without_the_refused(resources: dict[str, Any]) -> dict[str, str]:
    gone = {
        logical: one["Type"]
        for logical, one in resources.items()
        if one["Type"] in REFUSED | {PLAIN}
        or (one["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in one["Properties"])
    }
    for logical in gone:
        del resources[logical]
    for one in resources.values():
        waited = [it for it in one.get("DependsOn", ()) if it not in gone]
        if "DependsOn" in one and isinstance(one["DependsOn"], list):
            one["DependsOn"] = waited
        # A service with its own provider runs where that provider's hosts would be: nowhere here.
        strategy = one["Properties"].get("CapacityProviderStrategy", ())
        if any(isinstance(it["CapacityProvider"], dict) for it in strategy):
            one["Properties"]["CapacityProviderStrategy"] = [{"CapacityProvider": "FARGATE"}]
    return gone


UNNAMED: Final = ("ecs:", "ssm:")
"""The emulator holds callers to their roles, but cannot say which of these a request is about."""


def _with_roles_it_can_read(resources: dict[str, Any]) -> None:
    """What it takes literally is said literally: batches, which AWS allows with their single
    request, and every resource of services whose requests it cannot tell apart."""
    for one in resources.values():
        for policy in one["Properties"].get("Policies", ()) if one["Type"].endswith("Role") else ():
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Action"][0].startswith(UNNAMED):
                    statement["Resource"] = ["*"]
                if statement["Action"][0].startswith("sqs:"):
                    statement["Action"] += [f"{name}Batch" for name in statement["Action"]]


def _as_it_can_run(resources: dict[str, Any], emulator: Emulator) -> None:
    """Functions are led to the emulator; the way in answers as a whole: it starts no wrapper."""
    for one in resources.values():
        if one["Type"] == "AWS::Lambda::Function":
            given = one["Properties"]["Environment"]["Variables"]
            queues = f"{emulator.url}/{{account}}/"
            account = {"Fn::Sub": queues.format(account="${AWS::AccountId}") + "${AWS::StackName}-"}
            given |= emulator.environment() | {
                "PILOTLIGHT_AWS__QUEUE_URL": {"Fn::Sub": account["Fn::Sub"] + "jobs-"},
            }
    ingress = resources["IngressLambdaFunction"]["Properties"]
    del ingress["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
    resources["IngressLambdaFunctionUrl"]["Properties"]["InvokeMode"] = "BUFFERED"


def _upload(
    emulator: Emulator, formation: Any, name: str, whole: dict[str, Any], zip_path: Path
) -> None:
    bucket = formation.describe_stack_resource(
        StackName=name, LogicalResourceId="ServerlessDeploymentBucket"
    )["StackResourceDetail"]["PhysicalResourceId"]
    key = whole["Resources"]["UpkeepLambdaFunction"]["Properties"]["Code"]["S3Key"]
    s3 = emulator.client("s3")
    s3.upload_file(str(zip_path), bucket, key)
    s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps(whole).encode())
    formation.update_stack(
        StackName=name,
        TemplateURL=f"{emulator.url}/{bucket}/template.json",
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": "GpuAmi", "ParameterValue": AMI}],
    )


def _settled(formation: Any, name: str, clock: Clock) -> dict[str, str]:
    """The stack's outputs, once it is done."""
    ends_at = clock.monotonic() + _DEPLOYED_S
    status = ""
    while clock.monotonic() < ends_at:
        (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
        status = stack["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}
        if not status.endswith("IN_PROGRESS"):
            break
        clock.sleep(0.1)
    events = formation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [one for one in events if "FAILED" in one["ResourceStatus"]]
    why = "; ".join(
        f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason', '')}" for one in failed
    )
    raise NotDeployed(f"{name} is {status}: {why}")


def _resources(formation: Any, name: str) -> dict[str, str]:
    pages = formation.get_paginator("list_stack_resources").paginate(StackName=name)
    return {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
    }


PACKAGE: Final = ROOT / ".serverless"
