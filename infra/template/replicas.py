"""One fleet's part of the cluster: log group, task definition, service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.template.environment import DATA, KEYS, WEIGHTS, of_replica
from infra.template.facts import STOP_TIMEOUT_S
from infra.template.words import Value, att, ref, resource, sub, tags
from pilotlight.adapters.aws.machines import PROCESSOR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.template.facts import Fleet

USER: Final = "10001:10001"
"""As the image has it; the host's folder belongs to it."""
HOST_WEIGHTS: Final = "/mnt/nvme/weights"
"""The GPU host's own disks; scratch is each task's own, weights are for all of a host."""
HEALTH_STALE_S: Final = 90
"""The replica touches its file with every beat; six beats without one is a replica that hangs."""
_ALIVE: Final = (
    f'test $(( $(date +%s) - $(stat -c %Y "$PILOTLIGHT_DATA/alive") )) -lt {HEALTH_STALE_S}'
)
_SCRATCH_GIB: Final = 40
_SHARED_MIB: Final = 2048
"""Of ``/dev/shm``, through which torch's loaders and vLLM's processes hand on tensors: Docker's 64 MiB
end them with a bus error. It counts as memory of the task when it is used; Fargate has no such word."""


def resources(fleet: Fleet, given: Mapping[str, Value]) -> dict[str, Value]:
    """``given``: settings of every process."""
    return {
        f"{fleet.logical}LogGroup": resource(
            "Logs::LogGroup",
            {
                "LogGroupName": sub("/ecs/${AWS::StackName}/" + fleet.part),
                "RetentionInDays": "${param:logDays}",
                "Tags": tags(fleet.name),
            },
        ),
        f"{fleet.logical}Task": _task(fleet, given),
        f"{fleet.logical}Service": _service(fleet),
    }


def _task(fleet: Fleet, given: Mapping[str, Value]) -> dict[str, Value]:
    properties: dict[str, Value] = {
        "Family": sub("${AWS::StackName}-" + fleet.part),
        "TaskRoleArn": att(f"{fleet.logical}Role", "Arn"),
        "ExecutionRoleArn": att("ExecutionRole", "Arn"),
        "ContainerDefinitions": [_container(fleet, given)],
        "Tags": tags(fleet.name),
    }
    if fleet.gpu is None:
        properties |= {
            "RequiresCompatibilities": ["FARGATE"],
            "NetworkMode": "awsvpc",
            "Cpu": str(int(PROCESSOR.vcpus * 1024)),
            "Memory": str(PROCESSOR.memory_gib * 1024),
            "EphemeralStorage": {"SizeInGiB": _SCRATCH_GIB},
            "Volumes": [{"Name": "scratch"}, {"Name": "weights"}],
        }
    else:
        properties |= {
            "RequiresCompatibilities": ["EC2"],
            # Not awsvpc: such a task has no public address, and a NAT gateway costs all month.
            "NetworkMode": "bridge",
            "Volumes": [
                {"Name": "scratch"},
                {"Name": "weights", "Host": {"SourcePath": HOST_WEIGHTS}},
            ],
        }
    return resource("ECS::TaskDefinition", properties)


def _container(fleet: Fleet, given: Mapping[str, Value]) -> dict[str, Value]:
    found: dict[str, Value] = {
        "Name": "replica",
        "Image": sub(
            "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/${ReplicaImages}:"
            + fleet.engine
            + "-${ImageTag}"
        ),
        "Essential": True,
        "Command": [fleet.name],
        "Environment": of_replica(fleet, given),
        "User": USER,
        "ReadonlyRootFilesystem": True,
        "MountPoints": [
            {"SourceVolume": "scratch", "ContainerPath": DATA},
            {"SourceVolume": "weights", "ContainerPath": WEIGHTS},
        ],
        "StopTimeout": STOP_TIMEOUT_S,
        "LinuxParameters": {"InitProcessEnabled": True, "Capabilities": {"Drop": ["ALL"]}},
        "HealthCheck": {
            "Command": ["CMD-SHELL", _ALIVE],
            "Interval": 30,
            "Timeout": 5,
            "Retries": 3,
            "StartPeriod": 300,  # weights may have to come first; nothing is longer in ECS
        },
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": ref(f"{fleet.logical}LogGroup"),
                "awslogs-region": ref("AWS::Region"),
                "awslogs-stream-prefix": "replica",
                "mode": "non-blocking",
                "max-buffer-size": "4m",
            },
        },
    }
    if fleet.keys:
        parameter = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
        found["Secrets"] = [
            {"Name": key, "ValueFrom": sub(f"{parameter}{KEYS}/{key}")} for key in fleet.keys
        ]
    if fleet.gpu is not None:
        found |= {
            "ResourceRequirements": [{"Type": "GPU", "Value": "1"}],
            "Memory": fleet.gpu.memory_gib * 1024,
            "LinuxParameters": found["LinuxParameters"] | {"SharedMemorySize": _SHARED_MIB},
            "DockerSecurityOptions": ["no-new-privileges"],  # Fargate has no such word either
            "Cpu": fleet.gpu.vcpus * 1024 - 256,
        }
    return found


def _service(fleet: Fleet) -> dict[str, Value]:
    properties: dict[str, Value] = {
        "ServiceName": sub("${AWS::StackName}-" + fleet.part),
        "Cluster": ref("Cluster"),
        "TaskDefinition": ref(f"{fleet.logical}Task"),
        # A deployment starts from none and upkeep brings back what is needed; busy tasks are
        # protected and finish first. Left out, the first deployment would start one of each.
        "DesiredCount": 0,
        "DeploymentConfiguration": {
            "MaximumPercent": 200,
            "MinimumHealthyPercent": 0,
            "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        },
        "AvailabilityZoneRebalancing": "DISABLED",
        "EnableECSManagedTags": True,
        "PropagateTags": "SERVICE",
        "Tags": tags(fleet.name),
    }
    if fleet.gpu is None:
        properties |= {
            "CapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Weight": 1}],
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {
                    "Subnets": [ref("SubnetA"), ref("SubnetB"), ref("SubnetC")],
                    "SecurityGroups": [ref("ReplicaSecurityGroup")],
                    "AssignPublicIp": "ENABLED",
                }
            },
        }
    else:
        provider = ref(f"{fleet.gpu.name.upper()}Provider")
        properties |= {
            "CapacityProviderStrategy": [{"CapacityProvider": provider, "Weight": 1}],
            "PlacementStrategies": [{"Type": "binpack", "Field": "memory"}],
        }
    return resource("ECS::Service", properties, DependsOn=["ClusterProviders"])
