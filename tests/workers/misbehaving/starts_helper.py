from __future__ import annotations

import os
import subprocess
import sys

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, spec


class StartsHelper(Worker):
    """Starts a process that outlives its run, and then dies itself."""

    spec = spec("starts-helper")

    def run(self, job_input, context):
        helper = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        context.log(f"helper {helper.pid}")
        if job_input.text == "die":
            os._exit(1)
        return Output(text=str(helper.pid))


WORKER = StartsHelper
