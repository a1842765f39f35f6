from __future__ import annotations

import os
import signal

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, spec


class HangsInRun(Worker):
    """The first attempt stops the whole process: no thread of it answers any more."""

    spec = spec("hangs-in-run", hang_timeout_s=1)

    def run(self, job_input, context):
        if context.attempt == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        return Output(text=f"attempt {context.attempt}")


WORKER = HangsInRun
