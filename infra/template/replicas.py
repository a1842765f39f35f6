"""One worker's part of the cluster: log group, task definition, service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.template.environment import DATA, KEYS, WEIGHTS, of_replica
from infra.template.facts import STOP_TIMEOUT_S
from infra.template.words import Value, att, ref, resource, sub, tags
from pilotlight.adapters.aws.machines import PROCESSOR

if TYPE_CHECKING:
    from infra.template.facts import Facts

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


def resources(worker: Facts) -> dict[str, Value]:
    return {
        f"{worker.logical}LogGroup": resource(
            "Logs::LogGroup",
            {
                "LogGroupName": sub("/ecs/${AWS::StackName}/" + worker.part),
                "RetentionInDays": "${param:logDays}",
                "Tags": tags(worker.name),
            },
        ),
        f"{worker.logical}Task": _task(worker),
        f"{worker.logical}Service": _service(worker),
    }


def _task(worker: Facts) -> dict[str, Value]:
    properties: dict[str, Value] = {
        "Family": sub("${AWS::StackName}-" + worker.part),
        "TaskRoleArn": att(f"{worker.logical}Role", "Arn"),
        "ExecutionRoleArn": att("ExecutionRole", "Arn"),
        "ContainerDefinitions": [_container(worker)],
        "Tags": tags(worker.name),
    }
    if worker.gpu is None:
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


def _container(worker: Facts) -> dict[str, Value]:
    found: dict[str, Value] = {
        "Name": "replica",
        "Image": sub(
            "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/${ReplicaImages}:"
            + worker.engine
            + "-${ImageTag}"
        ),
        "Essential": True,
        "Command": [worker.name],
        "Environment": of_replica(worker.name),
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
                "awslogs-group": ref(f"{worker.logical}LogGroup"),
                "awslogs-region": ref("AWS::Region"),
                "awslogs-stream-prefix": "replica",
                "mode": "non-blocking",
                "max-buffer-size": "4m",
            },
        },
    }
    if worker.key is not None:
        key = sub(
            "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
            f"{KEYS}/{worker.key}"
        )
        found["Secrets"] = [{"Name": worker.key, "ValueFrom": key}]
    if worker.gpu is not None:
        found |= {
            "ResourceRequirements": [{"Type": "GPU", "Value": "1"}],
            "Memory": worker.gpu.memory_gib * 1024,
            "Cpu": worker.gpu.vcpus * 1024 - 256,
        }
    return found


def _service(worker: Facts) -> dict[str, Value]:
    properties: dict[str, Value] = {
        "ServiceName": sub("${AWS::StackName}-" + worker.part),
        "Cluster": ref("Cluster"),
        "TaskDefinition": ref(f"{worker.logical}Task"),
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
        "Tags": tags(worker.name),
    }
    if worker.gpu is None:
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
        provider = ref(f"{worker.gpu.name.upper()}Provider")
        properties |= {
            "CapacityProviderStrategy": [{"CapacityProvider": provider, "Weight": 1}],
            "PlacementStrategies": [{"Type": "binpack", "Field": "memory"}],
        }
    return resource("ECS::Service", properties, DependsOn=["ClusterProviders"])
