from __future__ import annotations

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, pause, spec


class EatsMemory(Worker):
    """Takes 600 MiB, unless it is told that memory is short."""

    spec = spec("eats-memory", memory_limit_gib=0.3)

    def run(self, job_input, context):
        if context.low_memory:
            return Output(text="small")
        held = bytearray(b"x" * (600 * 1024 * 1024))
        while held:
            pause()
        return Output(text="never")


WORKER = EatsMemory
