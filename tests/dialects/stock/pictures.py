"""A worker with the endpoints that the dialect tests call; its jobs are finished by the tests."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from pilotlight import Context, Endpoint, Image, ImageUrl, Worker, WorkerSpec


class Input(BaseModel):
    prompt: str = Field(max_length=1000)
    steps: int = Field(default=4, ge=1, le=50)
    size: Literal["square", "landscape"] = "square"
    image_url: ImageUrl | None = None
    extra: dict[str, object] | None = None
    scale: float | None = None
    sync_mode: bool = False


class Output(BaseModel):
    images: list[Image] = []
    text: str = ""


IDS = ("acme/app", "acme/app/sub", "workflows/acme/flow", "acme/app/stream/inner")


class Pictures(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="pictures",
        endpoints=tuple(
            Endpoint(id=name, task="fal/text-to-image", input=Input, output=Output) for name in IDS
        ),
        gpu_memory_gib=0,
    )

    def run(self, job_input: Input, context: Context) -> Output:
        return Output(text=job_input.prompt)


WORKER = Pictures
