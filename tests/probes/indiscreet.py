"""Tells its input in every way there is: printed, written past Python, too late, in an error."""

from __future__ import annotations

import os
import sys
import threading
from typing import ClassVar

from pydantic import BaseModel

from pilotlight import Context, Endpoint, Worker, WorkerSpec


class Input(BaseModel):
    prompt: str
    image_url: str | None = None
    fail: bool = False


class Output(BaseModel):
    prompt: str


class Indiscreet(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="indiscreet",
        endpoints=(Endpoint(id="tests/indiscreet", task="tests/talk", input=Input, output=Output),),
        gpu_memory_gib=0,
        jobs_per_replica=2,
        keep_alive_s=5,
    )

    def load(self) -> None:
        sys.stdout.write("the weights are there\n")

    def run(self, job_input: Input, context: Context) -> Output:
        told = job_input.prompt
        sys.stdout.write(f"{told}\n")
        context.log(told)
        os.write(2, f"{told}\n".encode())
        afterwards = threading.Timer(0.05, lambda: os.write(1, f"{told}\n".encode()))
        afterwards.start()
        if job_input.fail:
            raise ValueError(told)
        return Output(prompt=told)


WORKER = Indiscreet
