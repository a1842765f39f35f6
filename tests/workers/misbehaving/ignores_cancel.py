from __future__ import annotations

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, begin, pause, spec


class IgnoresCancel(Worker):
    """Never looks at its context again, unless asked to answer at once."""

    spec = spec("ignores-cancel")

    def run(self, job_input, context):
        begin(job_input, context)
        while job_input.text != "answer":
            pause()
        return Output(text="answered")


WORKER = IgnoresCancel
