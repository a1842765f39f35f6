"""Reads print in pictures: PP-OCRv6 on the processor, through RapidOCR (both Apache-2.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, Field

from pilotlight import Context, Endpoint, InvalidInput, Problem, Worker, WorkerSpec, stage
from pilotlight.contracts.tasks.chat import (
    Answer,
    Choice,
    Completion,
    ImagePart,
    Since,
    VisionChat,
)
from pilotlight.contracts.tasks.ocr import Ocr, Text
from pilotlight.contracts.tasks.usage import Usage
from workers.engines.media import pictures

if TYPE_CHECKING:
    from collections.abc import Generator


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


class Reader(Worker[Input | VisionChat, Output | Completion]):
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
            Endpoint(
                id="pilotlight/ocr-chat",
                task="openai/chat-completion/ocr",
                input=VisionChat,
                output=Completion,
                description="The text of a page, as a chat with pictures: what can be read, no more.",
                streams=True,
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

    def run(self, job_input: Input | VisionChat, context: Context) -> Any:
        """An empty page has no lines and is no error."""
        if isinstance(job_input, VisionChat):
            return self._chat(job_input, context)
        return self._page(job_input, context)

    def _chat(self, chat: VisionChat, context: Context) -> Generator[Completion, None, Completion]:
        """The pages of the last turn that has any, each as soon as it is read."""
        text = ""
        for url in _pages(chat):
            seen = self.engine(pictures.picture(context.input_file(url), "messages"))
            page = "".join(f"{line}\n" for line in seen.txts or ())
            if context.streaming and page:
                answer, since = Answer(content=page), Since(content=len(text))
                yield Completion(choices=[Choice(message=answer, since=since)])
            text += page
        words = len(text.split())
        return Completion(
            choices=[Choice(message=Answer(content=text))],
            usage=Usage(prompt_tokens=0, completion_tokens=words, total_tokens=words),
        )

    def _page(self, job_input: Input, context: Context) -> Output:
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


def _pages(chat: VisionChat) -> list[str]:
    """Raises InvalidInput where there are none."""
    for message in reversed(chat.messages):
        parts = message.content if isinstance(message.content, list) else []
        urls = [part.image_url.url for part in parts if isinstance(part, ImagePart)]
        if urls:
            return urls
    words = "there is no picture to read; add an image_url part"
    raise InvalidInput(words, Problem(("body", "messages"), words, "value_error"))


WORKER = Reader
