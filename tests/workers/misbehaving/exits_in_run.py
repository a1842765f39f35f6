from __future__ import annotations

import os

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, spec


class ExitsInRun(Worker):
    """The first attempt takes the whole process with it."""

    spec = spec("exits-in-run")

    def run(self, job_input, context):
        if context.attempt == 1 or job_input.text == "always":
            os.write(2, b"last words\n")
            os._exit(7)
        return Output(text=f"attempt {context.attempt}")


WORKER = ExitsInRun
