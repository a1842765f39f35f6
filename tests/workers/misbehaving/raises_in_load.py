from __future__ import annotations

from pilotlight import WeightsMissing, Worker
from tests.workers.misbehaving._contract import spec


class RaisesInLoad(Worker):
    spec = spec("raises-in-load")

    def load(self):
        raise WeightsMissing("there are no weights in /models/none")

    def run(self, job_input, context):
        raise AssertionError("never loaded")


WORKER = RaisesInLoad
