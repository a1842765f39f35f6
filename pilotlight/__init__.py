"""Write a worker; pilotlight does the queue, the GPU fleet and the webhooks."""

from pilotlight.contracts.media import (
    ArchiveUrl,
    AudioUrl,
    File,
    Image,
    ImageUrl,
    VideoUrl,
    WeightsUrl,
)
from pilotlight.contracts.routes import Route
from pilotlight.contracts.stages import stage
from pilotlight.contracts.worker import Context, Endpoint, Worker, WorkerSpec
from pilotlight.errors import (
    Cancelled,
    InvalidInput,
    OutOfMemory,
    PilotlightError,
    Problem,
    WeightsMissing,
    WorkerError,
)

__all__ = [
    "ArchiveUrl",
    "AudioUrl",
    "Cancelled",
    "Context",
    "Endpoint",
    "File",
    "Image",
    "ImageUrl",
    "InvalidInput",
    "OutOfMemory",
    "PilotlightError",
    "Problem",
    "Route",
    "VideoUrl",
    "WeightsMissing",
    "WeightsUrl",
    "Worker",
    "WorkerError",
    "WorkerSpec",
    "stage",
]
