"""What these workers share: a contract, and files that tests open and close as gates."""

from __future__ import annotations

import threading
from pathlib import Path

from pydantic import BaseModel

from pilotlight import Endpoint, WorkerSpec


class Input(BaseModel):
    text: str = ""
    started: str = ""
    """File to make when the run begins: its content is the attempt's number."""
    gate: str = ""
    """File to wait for."""


class Output(BaseModel):
    text: str


def spec(name: str, *, takes: type[BaseModel] = Input, gives: type[BaseModel] = Output, **facts):
    endpoint = Endpoint(id=f"misbehaving/{name}", task="test/any", input=takes, output=gives)
    return WorkerSpec(name=name, endpoints=(endpoint,), gpu_memory_gib=0, **facts)


def begin(job_input: Input, context) -> None:
    if job_input.started:
        # Renamed into place, so that whoever sees the file sees its content.
        draft = Path(job_input.started + ".draft")
        draft.write_text(str(context.attempt))
        draft.rename(job_input.started)


def pause() -> None:
    threading.Event().wait(0.005)
