"""The smallest worker: no GPU, no weights. Copy this file to add a model."""

from __future__ import annotations

import threading
from typing import ClassVar

from pydantic import BaseModel, Field

from pilotlight import Context, Endpoint, Worker, WorkerSpec


class Input(BaseModel):
    text: str
    sleep_s: float = Field(default=0, ge=0, le=3600, description="Seconds to take over it.")


class Output(BaseModel):
    text: str


class Echo(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="echo",
        endpoints=(
            Endpoint(
                id="pilotlight/echo",
                task="pilotlight/echo",
                input=Input,
                output=Output,
                description="Says what it was told, after a while if asked to.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=3600,
        keep_alive_s=10,
    )

    def run(self, job_input: Input, context: Context) -> Output:
        """Progress ten times a second, so that a long nap can be watched and cancelled."""
        naps = round(job_input.sleep_s * 10)
        for nap in range(naps):
            threading.Event().wait(0.1)
            context.progress((nap + 1) / naps)
        return Output(text=job_input.text)


WORKER = Echo
