from __future__ import annotations

import threading
from typing import ClassVar

from pydantic import BaseModel

from pilotlight import Endpoint, Worker, WorkerSpec


class Input(BaseModel):
    run_s: float = 0


class Output(BaseModel):
    ran_s: float


class Blink(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="blink",
        endpoints=(Endpoint(id="test/blink", task="test", input=Input, output=Output),),
        gpu_memory_gib=0,
        timeout_s=600,
        max_replicas=2,
        keep_alive_s=0.3,
    )

    def run(self, job_input, context):
        threading.Event().wait(job_input.run_s)
        return Output(ran_s=job_input.run_s)


WORKER = Blink
