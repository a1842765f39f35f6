"""Draws, edits and reads pictures, as the task types say."""

from __future__ import annotations

from typing import ClassVar

from pilotlight import Endpoint, Worker, WorkerSpec
from pilotlight.contracts.tasks import shapes

TASKS = ("fal/text-to-image", "fal/image-edit", "fal/ocr", "openai/chat-completion")


def _endpoint(task):
    taken, given = shapes(task)
    return Endpoint(id=f"acme/{task.rpartition('/')[2]}", task=task, input=taken, output=given)


class Studio(Worker):
    spec: ClassVar = WorkerSpec(
        name="studio", endpoints=tuple(_endpoint(task) for task in TASKS), gpu_memory_gib=0
    )

    def run(self, job_input, context):
        raise NotImplementedError("hands do it")


WORKER = Studio
