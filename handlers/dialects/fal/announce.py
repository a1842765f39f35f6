"""What is posted to ``fal_webhook`` when a job ends."""

from __future__ import annotations

import json
from typing import Any

from handlers.dialects.fal import errors
from pilotlight.contracts.job import Job, JobError


def announce(job: Job, *, output: bytes | None, error: JobError | None) -> dict[str, Any]:
    """``gateway_request_id`` is the request's own id: an attempt has no id that can be read."""
    said: dict[str, Any] = {
        "request_id": job.id,
        "gateway_request_id": job.id,
        "status": "OK" if error is None else "ERROR",
    }
    if error is not None:
        body = errors.body_of(error)
        listed = isinstance(body.content["detail"], list)
        said["payload"] = body.content
        said["error"] = f"Invalid status code: {body.http_status}" if listed else error.message
        return said
    try:
        said["payload"] = json.loads(output or b"")
    except ValueError:
        said["payload"] = None
        said["payload_error"] = "the output cannot be written as JSON"
    return said
