from __future__ import annotations

from typing import ClassVar

from pilotlight import Endpoint, WorkerSpec
from workers.shapes import Input, Output, Shapes


class Sketcher(Shapes):
    spec: ClassVar = WorkerSpec(
        name="sketcher",
        endpoints=(Endpoint(id="studio/sketcher", task="test/any", input=Input, output=Output),),
        gpu_memory_gib=0,
        model_gib=0.1,
        pool="studio",
        keep_alive_s=2,
        max_replicas=1,
    )

    def close(self) -> None:
        del self.model


WORKER = Sketcher
