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
        name="g141",
        gpu="H200, eight to a machine",
        offers_gib=139,
        instance_types=("p5en.48xlarge",),
        vcpus=24,
        memory_gib=240,
    ),
)
"""Smallest first. One GPU to a task: a worker that wants more cannot say so yet."""

PROCESSOR: Final = Processor()


def gpu_class(spec: WorkerSpec) -> GpuClass | None:
    """The smallest class whose GPU holds this worker; None for one that needs no GPU.

    Raises SettingsError when no single GPU is large enough.
    """
    if spec.gpu_memory_gib == 0:
        return None
    for one in GPU_CLASSES:
        if spec.gpu_memory_gib <= one.offers_gib:
            return one
    raise SettingsError(
        f"worker {spec.name} declares gpu_memory_gib={spec.gpu_memory_gib:g}; the largest GPU here "
        f"offers {GPU_CLASSES[-1].offers_gib:g}: quantise it, or add a class to "
        "pilotlight/adapters/aws/machines.py"
    )


def billed_as(spec: WorkerSpec) -> str:
    """The name under which a replica of this worker stands in a price list."""
    found = gpu_class(spec)
    return found.instance_types[0] if found else "fargate"
