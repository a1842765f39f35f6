from __future__ import annotations

import os

from pilotlight import Worker
from tests.workers.misbehaving._contract import spec


class ExitsInLoad(Worker):
    spec = spec("exits-in-load")

    def load(self):
        os._exit(9)

    def run(self, job_input, context):
        raise AssertionError("never loaded")


WORKER = ExitsInLoad
