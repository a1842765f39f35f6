from __future__ import annotations

from pilotlight import Worker
from tests.workers.misbehaving._contract import pause, spec


class SlowLoad(Worker):
    spec = spec("slow-load", load_timeout_s=1)

    def load(self):
        while True:
            pause()

    def run(self, job_input, context):
        raise AssertionError("never loaded")


WORKER = SlowLoad
