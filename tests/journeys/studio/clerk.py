from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from pilotlight import Endpoint, Worker, WorkerSpec


class Input(BaseModel):
    amounts: list[int]


class Output(BaseModel):
    total: int


class Clerk(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="clerk",
        endpoints=(Endpoint(id="studio/clerk", task="test/any", input=Input, output=Output),),
        gpu_memory_gib=0,
        model_gib=0.1,
        pool="studio",
        keep_alive_s=2,
        max_replicas=1,
    )

    def load(self):
        self.ledger = bytearray(64 * 1024 * 1024)

    def run(self, job_input, context):
        return Output(total=sum(job_input.amounts))

    def close(self):
        del self.ledger


WORKER = Clerk
