"""Reads print in pictures: PP-OCRv6 on the processor, through RapidOCR (both Apache-2.0)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from pilotlight import Context, Endpoint, Worker, WorkerSpec, stage
from pilotlight.contracts.tasks.ocr import Ocr, Text
from workers.engines import pictures


class Input(Ocr):
    format: Literal["text", "markdown"] = Field(
        default="text", description="markdown keeps the page's layout as far as it is seen."
    )


class Line(BaseModel):
    """``box``: its four corners in pixels, clockwise from the top left."""

    text: str
    box: list[tuple[float, float]]
    score: float = Field(description="How sure, 0 to 1.")


class Output(Text):
    lines: list[Line]


class Reader(Worker[Input, Output]):
    spec: ClassVar = WorkerSpec(
        name="ocr",
        endpoints=(
            Endpoint(
                id="pilotlight/ocr",
                task="fal/ocr",
                input=Input,
                output=Output,
                description="The text of a page, line by line with boxes, or as markdown.",
            ),
        ),
        gpu_memory_gib=0,
        timeout_s=120,
    )

    def load(self) -> None:
        with stage("imports"):
            from rapidocr import RapidOCR
        with stage("weights"):
            self.engine: Any = RapidOCR(params={"Global.log_level": "error"})

    def run(self, job_input: Input, context: Context) -> Output:
        """An empty page has no lines and is no error."""
        if job_input.prompt:
            context.log("the prompt is not used: this model reads everything")
        seen = self.engine(pictures.picture(context.input_file(job_input.image_url), "image_url"))
        if seen.txts is None:
            return Output(text="", lines=[])
        lines = [
            Line(text=text, box=[(float(x), float(y)) for x, y in box], score=float(score))
            for text, box, score in zip(seen.txts, seen.boxes, seen.scores, strict=True)
        ]
        plain = "\n".join(line.text for line in lines)
        text = seen.to_markdown() if job_input.format == "markdown" else plain
        return Output(text=text, lines=lines)


WORKER = Reader
