"""For the process that loads a model: how to reach weights that lie elsewhere, and where to keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight import settings

if TYPE_CHECKING:
    from pathlib import Path

    from pilotlight.ports.weights import WeightsStore


def store() -> WeightsStore:
    """S3, with the credentials of this machine. Raises SettingsError without the aws extra."""
    from pilotlight.adapters.aws.clients import Clients  # noqa: PLC0415 - boto3: only when asked for
    from pilotlight.adapters.aws.weights import S3Weights  # noqa: PLC0415

    aws = settings.load().aws
    clients = Clients(region=aws.region, endpoint_url=aws.endpoint_url, emulated=aws.emulated)
    return S3Weights(clients.s3())


def cache() -> Path:
    """A folder for them on this machine, which outlives the process."""
    loaded = settings.load()
    return (loaded.weights.folder if loaded.weights.bucket else loaded.data) / "fetched"
