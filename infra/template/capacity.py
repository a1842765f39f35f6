"""GPU hosts: for each class of GPU that a worker needs, a group of machines that starts at none."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from infra.template.replicas import HOST_WEIGHTS, USER
from infra.template.words import NOTHING, Value, att, ref, resource, sub, when
from pilotlight.adapters.aws.machines import GPU_CLASSES, GpuClass

if TYPE_CHECKING:
    from infra.template.facts import Fleet

ROOT_DISK_GIB: Final = 120
"""The system and images of several engines; weights lie on the host's own NVMe disks."""
_PULLS_MBPS: Final = 500
"""Of the root disk, onto which an image of 8 GB is unpacked to 20: at gp3's own 125 that alone takes
more than two minutes of every cold start. It costs two cents an hour, and a stopped host of a warm
pool would pay for it all month for an image that it has already."""
# A task that ended keeps its scratch on the root disk until it is cleaned up: three hours by default.
# A pull that says nothing for a minute is given up by default: torch's layer is unpacked for longer.
_HOST: Final = f"""#!/bin/bash
cat >> /etc/ecs/ecs.config <<CONFIG
ECS_CLUSTER=${{Cluster}}
ECS_ENABLE_GPU_SUPPORT=true
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_WARM_POOLS_CHECK=true
ECS_CONTAINER_STOP_TIMEOUT=120s
ECS_AWSVPC_BLOCK_IMDS=true
ECS_DISABLE_PRIVILEGED=true
ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m
ECS_IMAGE_PULL_BEHAVIOR=prefer-cached
ECS_IMAGE_PULL_INACTIVITY_TIMEOUT=10m
CONFIG
# Instance disks are empty after every start of a stopped host, so this runs at each boot.
cat > /var/lib/cloud/scripts/per-boot/nvme.sh <<'BOOT'
#!/bin/bash
mountpoint -q /mnt/nvme && exit 0
mkdir -p /mnt/nvme
disks=( $(lsblk -dpno NAME,MODEL | awk '/Instance Storage/ {{print $1}}') )
if [ -n "$disks" ]; then
  mkfs.xfs -q -f "$disks" && mount -o noatime "$disks" /mnt/nvme
fi
mkdir -p {HOST_WEIGHTS} && chown {USER} {HOST_WEIGHTS}
BOOT
chmod +x /var/lib/cloud/scripts/per-boot/nvme.sh
/var/lib/cloud/scripts/per-boot/nvme.sh
"""


def resources(fleets: list[Fleet], region: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    used = _used(fleets, region)
    for one in used:
        found |= _class(one, _most_hosts(one, fleets), region)
    found["ClusterProviders"] = resource(
        "ECS::ClusterCapacityProviderAssociations",
        {
            "Cluster": ref("Cluster"),
            "CapacityProviders": [
                "FARGATE",
                "FARGATE_SPOT",
                *(ref(f"{one.name.upper()}Provider") for one in used),
            ],
            "DefaultCapacityProviderStrategy": [],
        },
    )
    return found


def _used(fleets: list[Fleet], region: str) -> list[GpuClass]:
    """Classes that a declared worker needs. Without any, the most common one stands ready: a group
    of no machines costs nothing, and the first GPU worker then waits for nothing of ours."""
    names = {one.gpu.name for one in fleets if one.gpu is not None} or {"g24"}
    used = [one for one in GPU_CLASSES if one.name in names]
    return [one for one in used if one.types_in(region)]


def _most_hosts(one: GpuClass, fleets: list[Fleet]) -> int:
    """Enough for every fleet's own maximum at once."""
    replicas = sum(w.spec.max_replicas for w in fleets if w.gpu is one)
    return max(1, ceil(replicas / one.gpus))


def _class(one: GpuClass, most: int, region: str) -> dict[str, Value]:
    prefix = one.name.upper()
    return {
        f"{prefix}Hosts": _launch_template(one, region),
        f"{prefix}Group": _group(one, most, region),
        f"{prefix}WarmPool": resource(
            "AutoScaling::WarmPool",
            {
                "AutoScalingGroupName": ref(f"{prefix}Group"),
                # Only when both are the same is it a number of hosts: the second one left out, it is
                # what the group could still grow by, and each of those costs its disk.
                "MinSize": ref("WarmPool"),
                "MaxGroupPreparedCapacity": ref("WarmPool"),
                "PoolState": "Stopped",
                "InstanceReusePolicy": {"ReuseOnScaleIn": True},
            },
            Condition="WithWarmPool",
        ),
        f"{prefix}Provider": _provider(prefix),
    }


def _launch_template(one: GpuClass, region: str) -> dict[str, Value]:
    tags = [{"Key": "Name", "Value": sub("${AWS::StackName}-" + one.name)}]
    data = {
        "ImageId": ref("GpuAmi"),
        "InstanceType": one.types_in(region)[0],
        "IamInstanceProfile": {"Arn": att("HostProfile", "Arn")},
        "SecurityGroupIds": [ref("ReplicaSecurityGroup")],
        # A container is one hop further than the host: it never sees the host's credentials.
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {
                    "VolumeSize": ROOT_DISK_GIB,
                    "VolumeType": "gp3",
                    "Throughput": when("WithWarmPool", 125, _PULLS_MBPS),
                    "Encrypted": True,
                },
            }
        ],
        "UserData": {"Fn::Base64": sub(_HOST)},
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")
        ],
    }
    return resource(
        "EC2::LaunchTemplate",
        {"LaunchTemplateName": sub("${AWS::StackName}-" + one.name), "LaunchTemplateData": data},
    )


def _group(one: GpuClass, most: int, region: str) -> dict[str, Value]:
    prefix = one.name.upper()
    template = {
        "LaunchTemplateId": ref(f"{prefix}Hosts"),
        "Version": att(f"{prefix}Hosts", "LatestVersionNumber"),
    }
    mixed = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": template,
            "Overrides": [{"InstanceType": kind} for kind in one.types_in(region)],
        },
        "InstancesDistribution": {
            "OnDemandBaseCapacity": 0,
            "OnDemandPercentageAboveBaseCapacity": ref("OnDemandPercent"),
            "OnDemandAllocationStrategy": "prioritized",
            "SpotAllocationStrategy": "price-capacity-optimized",
        },
    }
    return resource(
        "AutoScaling::AutoScalingGroup",
        {
            "AutoScalingGroupName": sub("${AWS::StackName}-" + one.name),
            "MinSize": "0",
            "MaxSize": str(most),
            "VPCZoneIdentifier": [ref("SubnetA"), ref("SubnetB"), ref("SubnetC")],
            "NewInstancesProtectedFromScaleIn": True,  # ECS decides which host may go
            # Several types and spot, or a warm pool of one type: EC2 keeps spot out of warm pools.
            "LaunchTemplate": when("WithWarmPool", template, NOTHING),
            "MixedInstancesPolicy": when("WithWarmPool", NOTHING, mixed),
        },
    )


def _provider(prefix: str) -> dict[str, Value]:
    return resource(
        "ECS::CapacityProvider",
        {
            "Name": sub("${AWS::StackName}-" + prefix.lower()),
            "AutoScalingGroupProvider": {
                "AutoScalingGroupArn": ref(f"{prefix}Group"),
                "ManagedScaling": {
                    "Status": "ENABLED",
                    "TargetCapacity": 100,
                    "MinimumScalingStepSize": 1,
                    "MaximumScalingStepSize": 4,
                    "InstanceWarmupPeriod": 60,  # 300 by default: a second host would wait
                },
                "ManagedTerminationProtection": "ENABLED",
                "ManagedDraining": "ENABLED",
            },
        },
    )
