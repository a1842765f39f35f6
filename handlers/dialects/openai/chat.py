"""``/chat/completions``: the contract is OpenAI's already; answers get their envelope."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from handlers.dialects.openai.deltas import Deltas
from handlers.dialects.openai.operation import Document, Operation, Told, Wish, yes
from pilotlight.catalogue import Served

TASKS: Final = frozenset(
    {
        "openai/chat-completion",
        "openai/chat-completion/vision",
        "openai/chat-completion/ocr",
    }
)
_ALWAYS: Final = ("role", "content", "refusal")


def translate(document: Document, _served: Served) -> Wish:
    return Wish(document, streaming_options(document))


def streaming_options(document: Document) -> Document:
    """What a stream has to know: whether its last words are of tokens."""
    asked = document.get("stream_options")
    usage = isinstance(asked, dict) and yes(asked.get("include_usage"))
    return {"usage": True} if usage else {}


def answer(told: Told) -> Document:
    return {
        "id": f"chatcmpl-{told.id}",
        "object": "chat.completion",
        "created": told.created,
        "model": told.model,
        "choices": [_choice(one) for one in choices_of(told.output)],
        "usage": usage_of(told.output),
    }


def choices_of(output: Document) -> list[Document]:
    listed = output.get("choices")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def usage_of(output: Document) -> Document:
    """A total that the worker left out is added up."""
    told = output.get("usage")
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    usage |= told if isinstance(told, dict) else {}
    if not usage["total_tokens"]:
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
    return usage


def _choice(choice: Document) -> Document:
    message = dict.fromkeys(_ALWAYS) | (choice.get("message") or {})
    return {
        "index": choice.get("index", 0),
        "message": {
            name: value for name, value in message.items() if value is not None or name in _ALWAYS
        },
        "logprobs": choice.get("logprobs"),
        "finish_reason": choice.get("finish_reason", "stop"),
    }


class Chunks:
    """A conversation's turn as ``chat.completion.chunk`` objects."""

    done = True

    def __init__(self, told: Told) -> None:
        self._told = told
        self._wants_usage = bool(told.options.get("usage"))
        self._deltas: dict[int, Deltas] = {}

    def partial(self, output: Document) -> Iterator[Document]:
        for choice in choices_of(output):
            for delta, logprobs in self._of(choice).said(choice):
                yield self._chunk(choice, delta, logprobs=logprobs)

    def end(self, output: Document) -> Iterator[Document]:
        yield from self.partial(output)
        for choice in choices_of(output):
            yield self._chunk(choice, {}, finish_reason=choice.get("finish_reason", "stop"))
        if self._wants_usage:
            yield self._envelope([]) | {"usage": usage_of(output)}

    def _of(self, choice: Document) -> Deltas:
        return self._deltas.setdefault(choice.get("index", 0), Deltas())

    def _chunk(
        self,
        choice: Document,
        delta: Document,
        *,
        logprobs: Any = None,
        finish_reason: str | None = None,
    ) -> Document:
        one = {
            "index": choice.get("index", 0),
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": finish_reason,
        }
        return self._envelope([one])

    def _envelope(self, choices: list[Document]) -> Document:
        said: Document = {
            "id": f"chatcmpl-{self._told.id}",
            "object": "chat.completion.chunk",
            "created": self._told.created,
            "model": self._told.model,
            "choices": choices,
        }
        return said | {"usage": None} if self._wants_usage else said


OPERATION = Operation(
    name="chat.completions",
    path="/chat/completions",
    tasks=TASKS,
    translate=translate,
    answer=answer,
    narrator=Chunks,
)
