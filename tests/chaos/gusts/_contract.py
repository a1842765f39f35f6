"""What the storm's workers share."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from pilotlight import Endpoint, File, WorkerSpec

if TYPE_CHECKING:
    from pilotlight import Context

_STEP_S = 0.05
_GATE_S = 0.01


class Input(BaseModel):
    text: str
    sleep_s: float = Field(default=0, ge=0, le=3600)
    file_bytes: int = Field(default=0, ge=0, le=10_000_000)
    deaf: bool = False
    """Sleep in one step, without looking whether anybody still wants the result."""
    started: str = ""
    """Make this file when the run begins."""
    gate: str = ""
    """Wait for this file before anything else."""
    disk_full: bool = False
    """Write the first attempt's file to a device that has no room."""
    poison: bool = False
    """Kill the replica's parent, which takes this process with it."""


class Output(BaseModel):
    text: str
    file: File | None = None


def spec(name: str, **facts: object) -> WorkerSpec:
    endpoint = Endpoint(id=f"chaos/{name}", task="chaos/any", input=Input, output=Output)
    return WorkerSpec(name=name, endpoints=(endpoint,), gpu_memory_gib=0, **facts)


def content(text: str, size: int) -> bytes:
    """The file that a job of this text must have: whoever knows the text can check it."""
    line = f"{text}\n".encode()
    return (line * (size // len(line) + 1))[:size]


def work(job_input: Input, context: Context) -> Output:
    if job_input.started:
        Path(job_input.started).touch()
    if job_input.poison:
        os.kill(os.getppid(), signal.SIGKILL)
    nap = threading.Event()
    path = context.folder / "file.txt" if job_input.file_bytes else None
    while job_input.gate and not Path(job_input.gate).exists():
        nap.wait(_GATE_S)
        context.progress(0)
    if job_input.deaf:
        nap.wait(job_input.sleep_s)
    steps = 0 if job_input.deaf else round(job_input.sleep_s / _STEP_S)
    for step in range(steps):
        nap.wait(_STEP_S)
        context.progress((step + 1) / steps)
    if path is None:
        return Output(text=job_input.text)
    if job_input.disk_full and context.attempt == 1:
        path.symlink_to("/dev/full")
    path.write_bytes(content(job_input.text, job_input.file_bytes))
    return Output(text=job_input.text, file=File.at(path))
