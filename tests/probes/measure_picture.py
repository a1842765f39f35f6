"""Takes pictures, so that everything about media inputs can be tried."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from pilotlight import Context, Endpoint, ImageUrl, InvalidInput, Problem, Worker, WorkerSpec


class Layer(BaseModel):
    image_url: ImageUrl
    opacity: float = 1.0


class Input(BaseModel):
    image_url: ImageUrl
    layers: list[Layer] = []
    mode: str = "size"


class Output(BaseModel):
    width: int
    height: int
    layers: int


class MeasurePicture(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="measure-picture",
        endpoints=(
            Endpoint(id="tests/measure-picture", task="tests/measure", input=Input, output=Output),
        ),
        gpu_memory_gib=0,
        keep_alive_s=5,
    )

    def run(self, job_input: Input, context: Context) -> Output:
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(context.input_file(job_input.image_url)) as picture:
                picture.load()
                width, height = picture.size
        except (UnidentifiedImageError, OSError, SyntaxError):
            problem = Problem(("body", "image_url"), "the picture is broken", "image_load_error")
            raise InvalidInput(problem.message, problem) from None
        return Output(width=width, height=height, layers=len(job_input.layers))


WORKER = MeasurePicture
