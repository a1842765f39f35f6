from __future__ import annotations

import os
from pathlib import Path

from pilotlight import Worker, stage
from tests.workers.misbehaving._contract import Output, begin, pause, spec


class LoadsInStages(Worker):
    """Reads its weights up to 62 % and then waits for the file that the environment names."""

    spec = spec("loads-in-stages")

    def load(self):
        with stage("weights") as weights:
            weights.progress(0.62)
            gate = os.environ.get("LOAD_GATE")  # noqa: TID251 - a test's own word to its child
            while gate and not Path(gate).exists():
                pause()
        with stage("device"):
            pause()
        with stage("warm_up"):
            pause()

    def run(self, job_input, context):
        begin(job_input, context)
        return Output(text=job_input.text)


WORKER = LoadsInStages
