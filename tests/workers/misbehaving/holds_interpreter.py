from __future__ import annotations

import re

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, begin, spec


class HoldsInterpreter(Worker):
    """The first attempt never lets another thread run: a match that takes for ever."""

    spec = spec("holds-interpreter", hang_timeout_s=1)

    def run(self, job_input, context):
        begin(job_input, context)
        if context.attempt == 1:
            re.match(r"(a+)+b", "a" * 60)
        return Output(text=f"attempt {context.attempt}")


WORKER = HoldsInterpreter
