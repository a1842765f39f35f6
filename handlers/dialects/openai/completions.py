"""``/completions``: the older shape, served by the chat models.

The prompt becomes the only turn of a conversation; it also reaches the worker as ``prompt``, for
those that can go on with plain text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from typing import Any, Final

from handlers.dialects.openai.chat import TASKS, choices_of, streaming_options, usage_of
from handlers.dialects.openai.deltas import more, since
from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.operation import Document, Operation, Told, Wish, yes
from pilotlight.catalogue import Served

MAX_TOKENS: Final = 16
"""OpenAI's default, in this shape alone."""
_NOT_CHATS: Final = frozenset({"prompt", "echo", "suffix", "best_of", "logprobs"})


def translate(document: Document, _served: Served) -> Wish:
    prompt = _one_text(document.get("prompt"))
    body = {name: value for name, value in document.items() if name not in _NOT_CHATS}
    body.setdefault("max_tokens", MAX_TOKENS)
    body |= {"messages": [{"role": "user", "content": prompt}], "prompt": prompt}
    if isinstance(document.get("logprobs"), int):
        body |= {"logprobs": True, "top_logprobs": document["logprobs"]}
    echo = {"echo": prompt} if yes(document.get("echo")) else {}
    return Wish(body, streaming_options(document) | echo, {"messages": "prompt"})


def _one_text(prompt: Any) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        (prompt,) = prompt
    if not isinstance(prompt, str):
        raise WrongUse("prompt is one text: send a request for each", param="prompt")
    return prompt


def answer(told: Told) -> Document:
    choices = [
        _choice(told, choice, _text(choice), choice.get("finish_reason", "stop"))
        for choice in choices_of(told.output)
    ]
    return _envelope(told, choices) | {"usage": usage_of(told.output)}


def _text(choice: Document) -> str:
    return (choice.get("message") or {}).get("content") or ""


def _choice(told: Told, choice: Document, text: str, reason: str | None) -> Document:
    return {
        "index": choice.get("index", 0),
        "text": told.options.get("echo", "") + text,
        "logprobs": _logprobs(choice),
        "finish_reason": reason,
    }


def _logprobs(choice: Document) -> Document | None:
    """Chat's list of tokens as the older table."""
    told = choice.get("logprobs")
    tokens = told.get("content") if isinstance(told, dict) else None
    if not tokens:
        return None
    return {
        "tokens": [one.get("token") for one in tokens],
        "token_logprobs": [one.get("logprob") for one in tokens],
        "top_logprobs": [
            {other.get("token"): other.get("logprob") for other in one.get("top_logprobs", [])}
            for one in tokens
        ],
        "text_offset": [0, *accumulate(len(one.get("token") or "") for one in tokens[:-1])],
    }


def _envelope(told: Told, choices: list[Document]) -> Document:
    return {
        "id": f"cmpl-{told.id}",
        "object": "text_completion",
        "created": told.created,
        "model": told.model,
        "choices": choices,
    }


class Chunks:
    done = True

    def __init__(self, told: Told) -> None:
        self._told = told
        self._wants_usage = bool(told.options.get("usage"))
        self._said: dict[int, str] = {}

    def partial(self, output: Document) -> Iterator[Document]:
        for choice in choices_of(output):
            index, first = choice.get("index", 0), choice.get("index", 0) not in self._said
            before = self._said.setdefault(index, "")
            delta = more(before, _text(choice), at=since(choice, "content"))
            if delta or first:
                self._said[index] = before + delta
                yield self._chunk(choice, delta, None, echo=first)

    def end(self, output: Document) -> Iterator[Document]:
        yield from self.partial(output)
        for choice in choices_of(output):
            yield self._chunk(choice, "", choice.get("finish_reason", "stop"))
        if self._wants_usage:
            yield _envelope(self._told, []) | {"usage": usage_of(output)}

    def _chunk(
        self, choice: Document, text: str, reason: str | None, *, echo: bool = False
    ) -> Document:
        told = self._told if echo else replace(self._told, options={})
        said = _envelope(told, [_choice(told, {**choice, "logprobs": None}, text, reason)])
        return said | {"usage": None} if self._wants_usage else said


OPERATION = Operation(
    name="completions",
    path="/completions",
    tasks=TASKS,
    translate=translate,
    answer=answer,
    narrator=Chunks,
)
