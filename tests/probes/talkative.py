"""Says its input line by line, then fails if asked to."""

from __future__ import annotations

import sys
from typing import ClassVar

from pydantic import BaseModel

from pilotlight import Context, Endpoint, Worker, WorkerError, WorkerSpec


class Input(BaseModel):
    lines: list[str] = []
    fail: bool = False


class Output(BaseModel):
    said: int


class Talkative(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="talkative",
        endpoints=(Endpoint(id="tests/talkative", task="tests/talk", input=Input, output=Output),),
        gpu_memory_gib=0,
        keep_alive_s=5,
    )

    def run(self, job_input: Input, context: Context) -> Output:
        for line in job_input.lines:
            sys.stdout.write(f"{line}\n")
        context.log("that was all")
        if job_input.fail:
            raise WorkerError("it was asked to fail")
        return Output(said=len(job_input.lines))


WORKER = Talkative
