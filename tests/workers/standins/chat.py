"""Says what the last message said, word by word; calls a tool when it is told to."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pilotlight import Context, Endpoint, InvalidInput, Worker, WorkerSpec
from pilotlight.contracts.tasks.chat import (
    Answer,
    Chat,
    Choice,
    Completion,
    FunctionCall,
    ImagePart,
    Since,
    TextPart,
    ToolCall,
)
from pilotlight.contracts.tasks.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator


class Parrot(Worker[Chat, Completion]):
    """Fields of its own, outside of the contract: ``gate``, a file to wait for before each word
    but the first; ``refuse``, what to fail with.
    """

    spec: ClassVar = WorkerSpec(
        name="parrot",
        endpoints=(
            Endpoint(
                id="tests/parrot",
                task="openai/chat-completion",
                input=Chat,
                output=Completion,
                description="Says what it was told.",
                streams=True,
            ),
        ),
        gpu_memory_gib=0,
        jobs_per_replica=32,
    )

    def run(self, job_input: Chat, context: Context) -> Iterator[Completion]:
        extra = job_input.model_extra or {}
        if extra.get("refuse"):
            raise InvalidInput(str(extra["refuse"]))
        words, reason = _words(job_input, context), "stop"
        limit = job_input.max_completion_tokens or job_input.max_tokens
        if limit is not None and len(words) > limit:
            words, reason = words[:limit], "length"
        read = sum(len(_text(one.content, context).split()) for one in job_input.messages)
        tools = _calls(job_input, words)
        if tools:
            words, reason = [], "tool_calls"
        for count in range(1, len(words) + 1):
            if count > 1:
                _wait(extra.get("gate"), context)
            if context.streaming:
                yield self._next(job_input, words[:count])
        return self._said(job_input, words, tools, reason, read)

    def _next(self, chat: Chat, words: list[str]) -> Completion:
        """The last word alone."""
        before, whole = " ".join(words[:-1]), " ".join(words)
        answer, since = Answer(content=whole[len(before) :]), Since(content=len(before))
        return Completion(
            choices=[Choice(index=n, message=answer, since=since) for n in range(chat.n)]
        )

    def _said(
        self, chat: Chat, words: list[str], tools: list[ToolCall], reason: str, read: int
    ) -> Completion:
        text = None if tools else " ".join(words)
        answer = Answer(content=text, tool_calls=tools or None)
        choices = [Choice(index=n, message=answer, finish_reason=reason) for n in range(chat.n)]
        written = len(words) * chat.n
        return Completion(
            choices=choices,
            usage=Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written),
        )


def _words(chat: Chat, context: Context) -> list[str]:
    said = _text(chat.messages[-1].content, context)
    if chat.response_format is not None and chat.response_format.type != "text":
        return [json.dumps({"said": said})]
    for stop in [chat.stop] if isinstance(chat.stop, str) else chat.stop or []:
        said = said.partition(stop)[0]
    return said.split()


def _text(content: object, context: Context) -> str:
    if not isinstance(content, list):
        return str(content or "")
    told = []
    for part in content:
        if isinstance(part, TextPart):
            told.append(part.text)
        elif isinstance(part, ImagePart):
            size = context.input_file(part.image_url.url).stat().st_size
            told.append(f"({size} bytes of picture)")
    return " ".join(told)


def _calls(chat: Chat, words: list[str]) -> list[ToolCall]:
    if not chat.tools or chat.tool_choice == "none" or "please" not in words:
        return []
    arguments = json.dumps({"words": words})
    return [
        ToolCall(id=f"call_{n}", function=FunctionCall(name=one.function.name, arguments=arguments))
        for n, one in enumerate(chat.tools)
    ]


def _wait(gate: object, context: Context) -> None:
    while gate and not Path(str(gate)).exists():
        threading.Event().wait(0.005)
        context.progress(0)


WORKER = Parrot
