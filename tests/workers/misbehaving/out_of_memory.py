from __future__ import annotations

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, spec


class OutOfMemoryError(RuntimeError):
    """Has the name of torch's."""


class OutOfMemory(Worker):
    spec = spec("out-of-memory")

    def run(self, job_input, context):
        if context.low_memory and job_input.text != "always":
            return Output(text=f"attempt {context.attempt}, small")
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


WORKER = OutOfMemory
