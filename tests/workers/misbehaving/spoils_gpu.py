from __future__ import annotations

import os

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, spec


class SpoilsGpu(Worker):
    """Its first attempt leaves the process with a sticky CUDA error."""

    spec = spec("spoils-gpu")

    def run(self, job_input, context):
        if context.attempt == 1:
            raise RuntimeError(
                f"CUDA error: an illegal memory access was encountered in {os.getpid()}"
            )
        return Output(text=str(os.getpid()))


WORKER = SpoilsGpu
