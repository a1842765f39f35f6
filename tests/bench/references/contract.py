"""What both references accept: the echo endpoint's input, checked as Pilotlight checks it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Input(BaseModel):
    text: str
    sleep_s: float = Field(default=0, ge=0, le=3600)


def submitted(job_id: str) -> dict[str, Any]:
    path = f"/queue/pilotlight/echo/requests/{job_id}"
    return {
        "request_id": job_id,
        "response_url": path,
        "status_url": f"{path}/status",
        "cancel_url": f"{path}/cancel",
        "queue_position": 0,
    }


def status(job_id: str, *, done: bool) -> dict[str, Any]:
    return {
        "status": "COMPLETED" if done else "IN_QUEUE",
        "request_id": job_id,
        "queue_position": 0,
        "logs": None,
    }
