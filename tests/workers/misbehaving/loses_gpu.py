from __future__ import annotations

import os
from pathlib import Path

from pilotlight import Worker
from tests.workers.misbehaving._contract import Output, spec

DEVICE = "TEST_GPU_DEVICE"
"""Environment variable that names the file which stands for the GPU."""


class LosesGpu(Worker):
    """Says what torch says while its GPU is not there; the words are CUDA's own."""

    spec = spec("loses-gpu")

    def load(self):
        if not Path(os.environ[DEVICE]).exists():  # noqa: TID251 - no job can say it
            raise RuntimeError("No CUDA GPUs are available")

    def run(self, job_input, context):
        if not Path(os.environ[DEVICE]).exists():  # noqa: TID251 - no job can say it
            raise RuntimeError("CUDA error: no CUDA-capable device is detected")
        return Output(text=str(os.getpid()))


WORKER = LosesGpu
