from __future__ import annotations

from pathlib import Path

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, begin, pause, spec


class Waits(Worker):
    """Well behaved: waits for its gate and stops when it is cancelled."""

    spec = spec("waits")

    def run(self, job_input, context):
        begin(job_input, context)
        while job_input.gate and not Path(job_input.gate).exists():
            context.progress(0.5, "waiting")
            pause()
        return Output(text=job_input.text)


WORKER = Waits
