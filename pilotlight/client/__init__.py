"""A typed client of a Pilotlight, in its own words (``/api``): ``pip install 'pilotlight[client]'``.

::

    from pilotlight.client import Client

    with Client("http://127.0.0.1:8000", KEY) as client:
        job = client.submit("pilotlight/shapes", {"prompt": "a red circle on blue"})
        for event in job.events():
            print(event.kind, event.data)
        done = job.result(wait_s=60)
        client.download(done.artifacts[0], "circle.png")

:class:`AsyncClient` has the same methods, to be awaited. Both try again when the other side is
busy or cannot be reached; a submit carries an idempotency key, so that it makes one job.

It needs httpx and nothing else of this package, and nothing else of this package needs it.
"""

from __future__ import annotations

from pilotlight.client.asynchronous import AsyncClient, AsyncJob
from pilotlight.client.errors import (
    ApiError,
    ClientError,
    Conflict,
    Forbidden,
    InvalidRequest,
    JobFailed,
    NotFinished,
    NotFound,
    TooManyRequests,
    Unauthenticated,
    Unreachable,
)
from pilotlight.client.shapes import (
    Artifact,
    Attempt,
    ColdStart,
    Endpoint,
    Event,
    FileInfo,
    JobInfo,
    Page,
    Problem,
    Progress,
    Reason,
)
from pilotlight.client.synchronous import Client, Job

__all__ = [
    "ApiError",
    "Artifact",
    "AsyncClient",
    "AsyncJob",
    "Attempt",
    "Client",
    "ClientError",
    "ColdStart",
    "Conflict",
    "Endpoint",
    "Event",
    "FileInfo",
    "Forbidden",
    "InvalidRequest",
    "Job",
    "JobFailed",
    "JobInfo",
    "NotFinished",
    "NotFound",
    "Page",
    "Problem",
    "Progress",
    "Reason",
    "TooManyRequests",
    "Unauthenticated",
    "Unreachable",
]
