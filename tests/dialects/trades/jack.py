"""A worker with an endpoint for each of the nineteen task types; tests finish its jobs."""

from __future__ import annotations

from typing import Any, ClassVar

from pilotlight import Context, Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks import TASKS, shapes


class Jack(Worker[Any, Any]):
    spec: ClassVar = WorkerSpec(
        name="jack",
        endpoints=tuple(
            Endpoint(id=f"jack/{task}", task=task, input=shapes(task)[0], output=shapes(task)[1])
            for task in TASKS
        ),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Any, context: Context) -> Any:
        raise NotImplementedError("tests play the replica")


WORKER = Jack
