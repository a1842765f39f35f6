from __future__ import annotations

import os
import sys

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, spec


class Prints(Worker):
    """Writes in every way there is."""

    spec = spec("prints")

    def run(self, job_input, context):
        print("by print")  # noqa: T201 - what it is here for
        print("by stderr", file=sys.stderr)  # noqa: T201 - what it is here for
        context.log("by log")
        os.write(1, b"by descriptor 1\n")
        sys.stdout.buffer.write(b"by buffer\n")
        print("10%\r 50%\r100%")  # noqa: T201 - what it is here for
        context.progress(1.0, "said it all")
        print("without a newline", end="")  # noqa: T201 - what it is here for
        return Output(text="printed")


WORKER = Prints
