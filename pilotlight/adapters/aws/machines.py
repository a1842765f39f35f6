"""Which AWS machines fit a worker: what it declares is GPU memory, what one rents is a type.

Memory that a model can use is less than the card's name says, so a class offers what its smallest
member leaves free: 15 of a T4's 16 GiB, 22 of an A10G's 24.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from pilotlight.contracts.worker import WorkerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuClass:
    """Machines that can stand in for each other. The first type is preferred, and the cheapest."""

    name: str
    gpu: str
    offers_gib: float
    """GPU memory that one task can use."""
    instance_types: tuple[str, ...]
    vcpus: int
    """For one task, of the smallest type."""
    memory_gib: int
    """For one task, of the smallest type, less what the system and the agent need."""
    gpus: int = 1
    """Of one machine: so many tasks share it."""

    def types_in(self, region: str) -> tuple[str, ...]:
        """Those of its types that are for rent in this region."""
        return tuple(one for one in self.instance_types if region in _REGIONS[one.split(".")[0]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """A worker that needs no GPU runs on Fargate, where no host has to start first."""

    vcpus: float = 1
    memory_gib: int = 4


GPU_CLASSES: Final = (
    GpuClass(
        name="g16",
        gpu="T4",
        offers_gib=15,
        instance_types=("g4dn.xlarge", "g4dn.2xlarge"),
        vcpus=4,
        memory_gib=13,
    ),
    GpuClass(
        name="g24",
        gpu="L4 or A10G",
        offers_gib=22,
        instance_types=("g6.xlarge", "g5.xlarge", "g6.2xlarge", "g5.2xlarge"),
        vcpus=4,
        memory_gib=13,
    ),
    GpuClass(
        name="g48",
        gpu="L40S",
        offers_gib=44,
        instance_types=("g6e.xlarge", "g6e.2xlarge", "g6e.4xlarge"),
        vcpus=4,
        memory_gib=28,
    ),
    GpuClass(
        name="g80",
        gpu="H100",
        offers_gib=79,
        instance_types=("p5.4xlarge",),
        vcpus=16,
        memory_gib=240,
    ),
    GpuClass(
        name="g96",
        gpu="RTX PRO 6000",
        offers_gib=94,
        instance_types=("g7e.2xlarge", "g7e.4xlarge"),
        vcpus=8,
        memory_gib=60,
    ),
    GpuClass(
        name="g141",
        gpu="H200, eight to a machine",
        offers_gib=139,
        instance_types=("p5en.48xlarge",),
        vcpus=24,
        memory_gib=240,
        gpus=8,
    ),
)
"""Smallest first. One GPU to a task: a worker that wants more cannot say so yet."""

PROCESSOR: Final = Processor()


_MOST: Final = "ap-northeast-1 ap-northeast-2 ap-south-1 eu-central-1 eu-north-1 us-east-1 us-east-2 us-west-2 "
_REGIONS: Final[dict[str, frozenset[str]]] = {
    family: frozenset(regions.split())
    for family, regions in {
        "g4dn": _MOST + "ap-southeast-1 ap-southeast-2 ca-central-1 eu-west-1 eu-west-2 eu-west-3 "
        "sa-east-1 us-west-1",
        "g5": _MOST + "ap-southeast-2 ca-central-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 "
        "me-central-1 sa-east-1",
        "g6": _MOST + "ap-southeast-2 ca-central-1 eu-south-2 eu-west-2 eu-west-3 me-central-1 "
        "sa-east-1",
        "g6e": _MOST + "ap-northeast-3 ap-south-2 eu-south-2 me-central-1",
        "g7e": _MOST + "ap-southeast-3 eu-south-2 eu-west-2",
        "p5": "ap-northeast-1 ap-south-1 ap-southeast-2 eu-north-1 eu-west-2 sa-east-1 us-east-1 "
        "us-east-2 us-west-2",
        "p5en": "ap-northeast-1 ap-northeast-2 ap-south-1 eu-north-1 eu-south-2 us-east-1 "
        "us-east-2 us-west-1 us-west-2",
    }.items()
}
"""Where each family is for rent, as cfn-lint 1.58 has it from the price lists; a test compares."""


def gpu_class(spec: WorkerSpec, region: str = "us-east-1") -> GpuClass | None:
    """The smallest class for rent there whose GPU holds this worker; None for one without GPU.

    Raises SettingsError when there is none.
    """
    if spec.gpu_memory_gib == 0:
        return None
    there = [one for one in GPU_CLASSES if one.types_in(region)]
    for one in there:
        if spec.gpu_memory_gib <= one.offers_gib:
            return one
    most = f"{there[-1].offers_gib:g}" if there else "nothing"
    raise SettingsError(
        f"worker {spec.name} declares gpu_memory_gib={spec.gpu_memory_gib:g}; the largest GPU in "
        f"{region} offers {most}: quantise it, take another region, or add a class to "
        "pilotlight/adapters/aws/machines.py"
    )


def billed_as(spec: WorkerSpec, region: str = "us-east-1") -> str:
    """The name under which a replica of this worker stands in a price list."""
    found = gpu_class(spec, region)
    return found.types_in(region)[0] if found else "fargate"
