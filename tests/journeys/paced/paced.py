from __future__ import annotations

import threading
from typing import ClassVar

from pydantic import BaseModel

from pilotlight import Endpoint, Worker, WorkerSpec

LOAD_S = 3.0


class Input(BaseModel):
    run_s: float = 0


class Output(BaseModel):
    ran_s: float


class Paced(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="paced",
        endpoints=(Endpoint(id="test/paced", task="test", input=Input, output=Output),),
        gpu_memory_gib=0,
        max_replicas=6,
    )

    def load(self):
        threading.Event().wait(LOAD_S)

    def run(self, job_input, context):
        threading.Event().wait(job_input.run_s)
        return Output(ran_s=job_input.run_s)


WORKER = Paced
