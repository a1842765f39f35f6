"""A model that is nothing but a name, and a diary that the test reads."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from pydantic import BaseModel

from pilotlight import Endpoint, Worker, WorkerSpec
from tests.workers.misbehaving._contract import begin

LOAD_S = 0.05
"""So that what a load takes is much the same for each."""


class Input(BaseModel):
    started: str = ""
    gate: str = ""


class Output(BaseModel):
    by: str


def note(word: str) -> None:
    with Path(os.environ["POOL_DIARY"]).open("a") as diary:  # noqa: TID251 - a test's own word
        diary.write(f"{word}\n")


def spec(name: str, **facts) -> WorkerSpec:
    endpoint = Endpoint(id=f"shared/{name}", task="test/any", input=Input, output=Output)
    base = {"gpu_memory_gib": 0, "model_gib": 1, "pool": "shared", "keep_alive_s": 1}
    return WorkerSpec(name=name, endpoints=(endpoint,), **(base | facts))


class Toy(Worker):
    def load(self):
        threading.Event().wait(LOAD_S)
        note(f"load {self.spec.name}")

    def close(self):
        note(f"close {self.spec.name}")

    def run(self, job_input, context):
        begin(job_input, context)
        note(f"run {self.spec.name}")
        while job_input.gate and not Path(job_input.gate).exists():
            threading.Event().wait(0.005)
        return Output(by=self.spec.name)
