from __future__ import annotations

from pilotlight import InvalidInput, Problem, Worker
from tests.workers.misbehaving._contract import spec


class RaisesInRun(Worker):
    spec = spec("raises-in-run")

    def run(self, job_input, context):
        if job_input.text == "refuse":
            problem = Problem(("body", "text"), "not this word", "value_error")
            raise InvalidInput("this input is refused", problem)
        raise RuntimeError(job_input.text)


WORKER = RaisesInRun
