"""A job as fal's status object.

fal knows three statuses, and its Python client refuses any other: work that failed, was
cancelled or expired is ``COMPLETED`` with ``error`` and ``error_type``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from handlers.dialects.fal import errors, paths
from pilotlight.contracts.job import HELD, Job, JobError
from pilotlight.intake.control import View
from pilotlight.ports.feed import Entry

IN_QUEUE, IN_PROGRESS, COMPLETED = "IN_QUEUE", "IN_PROGRESS", "COMPLETED"
_LEVELS = {"stdout": "STDOUT", "stderr": "STDERR", "log": "INFO"}
LEVELS = frozenset({"STDERR", "STDOUT", "ERROR", "INFO", "WARN", "DEBUG"})


def urls(job: Job, queue_url: str) -> dict[str, str]:
    """Python's client uses them word for word; the JavaScript client builds its own."""
    base = f"{queue_url}/{paths.app_of(job.endpoint)}/requests/{job.id}"
    return {
        "request_id": job.id,
        "response_url": base,
        "status_url": f"{base}/status",
        "cancel_url": f"{base}/cancel",
    }


def word(job: Job) -> str:
    if job.status.is_terminal:
        return COMPLETED
    return IN_PROGRESS if job.status in HELD else IN_QUEUE


def status(
    view: View,
    *,
    queue_url: str,
    logs: list[dict[str, str]] | None = None,
    error: JobError | None = None,
) -> dict[str, Any]:
    """``logs`` is always a list: Python's client needs the key, JavaScript's users map over it.

    ``error`` is that of a terminal job that did not succeed.
    """
    job = view.job
    said: dict[str, Any] = {
        "status": word(job),
        **urls(job, queue_url),
        "queue_position": view.position or 0,
        "logs": logs or [],
    }
    if view.cold is not None:
        # Ours, not fal's: why it waits, and how long it will.
        said["cold_start"] = {"stage": view.cold.stage, "eta_s": view.cold.eta_s}
        if view.cold.step:
            said["cold_start"] |= {"step": view.cold.step, "fraction": view.cold.fraction}
        if view.cold.error:
            said["cold_start"]["error"] = view.cold.error
    if job.status in HELD:
        said["progress"] = round(job.progress, 4)  # ours too: 0 to 1
    if job.status.is_terminal:
        said["metrics"] = {"inference_time": _inference_time(job)}
    if error is not None:
        said["error"] = error.message
        said["error_type"] = errors.body_of(error).error_type
    return said


def _inference_time(job: Job) -> float | None:
    if job.started_at is None or job.ended_at is None:
        return None
    return round(job.ended_at - job.started_at, 6)


def log_items(entries: Iterable[Entry]) -> list[dict[str, str]]:
    return [_log_item(entry) for entry in entries]


def _log_item(entry: Entry) -> dict[str, str]:
    line = json.loads(entry.body)
    level = str(line.get("level", "log"))
    level = _LEVELS.get(level, level.upper())
    return {
        "message": str(line.get("message", "")),
        "timestamp": datetime.fromtimestamp(entry.at, UTC).isoformat(),
        "level": level if level in LEVELS else "INFO",
        "source": "USER",
    }
