from __future__ import annotations

from pilotlight import Worker
from tests.workers.misbehaving._contract import spec


class WrongOutput(Worker):
    spec = spec("wrong-output")

    def run(self, job_input, context):
        return {"text": ["not", "a", "string"]} if job_input.text == "field" else None


WORKER = WrongOutput
