from __future__ import annotations

from pathlib import Path

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, begin, pause, spec


class TwoSlots(Worker):
    """Two jobs at a time; one that is told to be deaf ignores its cancellation."""

    spec = spec("two-slots", jobs_per_replica=2)

    def run(self, job_input, context):
        begin(job_input, context)
        print(f"said by {job_input.text}")  # noqa: T201 - what it is here for
        while job_input.gate and not Path(job_input.gate).exists():
            if job_input.text != "deaf":
                context.progress(0.1)
            pause()
        return Output(text=job_input.text)


WORKER = TwoSlots
