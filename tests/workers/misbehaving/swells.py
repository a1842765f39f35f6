from __future__ import annotations

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, begin, pause, spec


class Swells(Worker):
    """Its first attempt takes 400 MiB behind the gate, and nobody here sets it a limit."""

    spec = spec("swells")

    def run(self, job_input, context):
        begin(job_input, context)
        if context.attempt > 1:
            return Output(text="small")
        while not self.opened(job_input.gate):
            pause()
        held = bytearray(b"x" * (400 * 1024 * 1024))
        while held:
            pause()
        return Output(text="never")

    def opened(self, gate):
        from pathlib import Path

        return Path(gate).exists()


WORKER = Swells
