"""``status?attempts=1``: every attempt at a job and how it ended. Ours, not fal's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from handlers.outcome import ENDS_OF_ATTEMPTS
from pilotlight.contracts.job import AttemptRecord


def items(records: Iterable[AttemptRecord]) -> list[dict[str, Any]]:
    """Oldest first; an attempt that still runs has no line yet."""
    return [_item(record) for record in records]


def _item(record: AttemptRecord) -> dict[str, Any]:
    began = record.started_at
    said: dict[str, Any] = {
        "fence": record.fence,
        "replica": record.owner,
        "started_at": None if began is None else _iso(began),
        "seconds": None if began is None else round(record.ended_at - began, 3),
        "outcome": ENDS_OF_ATTEMPTS.get(record.outcome, record.outcome),
    }
    if record.error:
        error = json.loads(record.error)
        said["error"], said["error_code"] = error["message"], error["code"]
    return said


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
