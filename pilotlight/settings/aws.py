"""What mode ``aws`` asks for: services, queues, weights in a bucket, prices."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pilotlight.settings.group import Group


class AwsSettings(Group):
    """Mode ``aws``. Who deploys makes what is named here; ``up --aws-emulated`` does it itself.

    Credentials are found where boto3 looks for them: a role, a profile, the environment.
    """

    region: str | None = None
    """None: where boto3 looks for it."""
    endpoint_url: str | None = None
    """Another way to AWS, or an emulator: ``http://127.0.0.1:4566``."""
    emulated: bool = False
    """``endpoint_url`` is an emulator, which takes any credentials. ``up`` starts one without it."""
    jobs_table: str = "pilotlight-jobs"
    secrets_table: str = "pilotlight-secrets"
    bucket: str = "pilotlight"
    direct_files: bool = False
    """A file that a caller announced is brought to S3 itself, and a large one is read there, not
    through the ingress: a Lambda takes bodies of 6 MB, and hands on what is larger at 2 MB a second
    and of 200 MB at most. Browsers need the bucket's CORS rules for it."""
    drop_bucket: str = ""
    """Files below ``drop/`` in it become jobs. Empty: there is no drop folder."""
    queue_url: str = ""
    """URL of a worker's queue up to the worker's name:
    ``https://sqs.eu-west-1.amazonaws.com/123456789012/pilotlight-jobs-``. In the name, a dot
    becomes an underscore. Its dead letters are in the queue of the same name and ``-dead``."""
    cluster: str = ""
    """ECS cluster of the replicas. Empty: they are processes of this machine."""
    service_prefix: str = ""
    """Name of a worker's ECS service up to the worker's name; a dot becomes an underscore."""
    kick_function: str = ""
    """Lambda that looks at capacity at once; a submit wakes it. Empty: upkeep's timer does."""
    parameters: str = ""
    """Path of SSM parameters with which an operator overrules a worker's declaration:
    ``/pilotlight/prod/workers``, below it ``NAME/min``, ``NAME/max``, ``NAME/paused``."""
    stage: str = "dev"
    """Whose metrics these are."""


class QueueSettings(Group):
    """How replicas take from SQS, in mode ``aws``."""

    consumer: Literal["celery", "loop"] = "celery"
    """``loop`` is plain boto3, on the same messages: the way out should Celery ever fail."""
    visibility_s: PositiveFloat = 120
    """A message that is taken is not given to others for so long; every beat renews it. Longer
    than the lease, so that whoever gets the message next finds the lease over."""
    wait_s: NonNegativeInt = 10
    """Length of a long poll, 0 to 20. An idle replica needs up to this long to leave."""
    max_receives: PositiveInt = 6
    """A message that was taken so often and never settled becomes a dead letter."""
    retention_s: PositiveInt = 14 * 24 * 3600
    """SQS keeps a message no longer than this."""
    orphan_s: PositiveFloat = 900
    """A dead letter without a job row is forgotten when it is older than this."""
    upkeep_s: PositiveFloat = 60
    """Between two looks of upkeep while nothing runs: each one costs requests."""
    longest_beat_s: PositiveFloat = 10
    """Nothing wakes a replica when its job is cancelled: it reads so at its next beat. With a
    fifth more, and the grace of a cancel, its child is dead within 20 s. Two requests a beat."""


class WeightsSettings(Group):
    """Where a container finds its worker's weights before it starts. ``pilotlight up`` has no use
    for this: its workers load from this machine."""

    bucket: str = ""
    """Below ``NAME/`` of the worker, with the manifest that ``infra.weights publish`` makes."""
    folder: Path = Path("/weights")
    """Of the fastest disk: they are read from here each time a child loads."""


_ON_DEMAND_USD: Final[dict[str, dict[str, float]]] = {
    "us-east-1": {
        "g4dn.xlarge": 0.526, "g5.xlarge": 1.006, "g6.xlarge": 0.8048, "g6e.xlarge": 1.861,
        "p5.4xlarge": 6.88, "p5en.48xlarge": 63.296, "fargate": 0.0583,
    },
    "us-west-2": {
        "g4dn.xlarge": 0.526, "g5.xlarge": 1.006, "g6.xlarge": 0.8048, "g6e.xlarge": 1.861,
        "p5.4xlarge": 6.88, "p5en.48xlarge": 63.296, "fargate": 0.0583,
    },
    "eu-west-1": {"g4dn.xlarge": 0.587, "g5.xlarge": 1.123, "fargate": 0.0583},
}  # fmt: skip


class CostSettings(Group):
    """What ``pilotlight costs`` multiplies with. List prices of 2025, on demand, Linux: yours are
    in Billing, and spot or a savings plan is less."""

    region: str = "us-east-1"
    """Whose prices; ``aws.region`` goes before it."""
    hourly_usd: dict[str, dict[str, NonNegativeFloat]] = {}
    """By region and type, over the built-in table: ``{"eu-west-1": {"g6.xlarge": 0.9}}``.
    ``fargate`` is one task of 1 vCPU and 4 GB."""
    machines: dict[str, str] = {}
    """What a worker's replicas run on, where that is not the first type that fits it."""
    replicas_per_machine: dict[str, PositiveInt] = {"p5en.48xlarge": 8}
    """A machine of several GPUs is shared by so many replicas."""

    def hourly(self, region: str, machine: str) -> float | None:
        """US dollars for an hour of one replica; None for a machine nobody gave a price."""
        known = _ON_DEMAND_USD.get(region, {}) | self.hourly_usd.get(region, {})
        price = known.get(machine)
        return None if price is None else price / self.replicas_per_machine.get(machine, 1)
