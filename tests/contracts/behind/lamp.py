"""Two endpoints of its own, and two of other people's."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from pilotlight import Context, Endpoint, Route, Worker, WorkerSpec


class Input(BaseModel):
    text: str
    steps: int = 4


class Output(BaseModel):
    text: str


def endpoint(name: str, task: str) -> Endpoint:
    return Endpoint(id=name, task=task, input=Input, output=Output, description="Glows.")


class Lamp(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="lamp",
        endpoints=(endpoint("acme/film", "fal/text-to-video"), endpoint("acme/lamp", "acme/lamp")),
        routes=(
            Route(endpoint="fal-ai/kandinsky5/text-to-video", rename={"prompt": "text"}),
            Route(endpoint="acme/glow", target="acme/lamp", fixed={"steps": 9}),
        ),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Input, context: Context) -> Output:
        return Output(text=f"{context.endpoint}: {job_input.text} in {job_input.steps}")


WORKER = Lamp
