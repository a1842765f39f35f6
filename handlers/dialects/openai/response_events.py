"""A response as it grows: its items, and the events that tell of them.

Every item is opened by ``response.output_item.added`` and closed at the end; in between deltas say
what is new. A model that was started again says nothing twice: see :mod:`.deltas`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from handlers.dialects.openai.chat import choices_of
from handlers.dialects.openai.deltas import Deltas
from handlers.dialects.openai.operation import Document, Told

_THOUGHT, _TEXT, _REFUSAL = "reasoning_content", "content", "refusal"
_EVENTS: Final = {_THOUGHT: "reasoning_text", _TEXT: "output_text", _REFUSAL: "refusal"}


def thought(job_id: str, text: str) -> Document:
    content = [{"type": "reasoning_text", "text": text}] if text else []
    return {"type": "reasoning", "id": f"rs_{job_id}", "summary": [], "content": content}


def message(job_id: str, parts: list[Document], *, status: str) -> Document:
    return {
        "type": "message", "id": f"msg_{job_id}", "status": status, "role": "assistant",
        "content": parts,
    }  # fmt: skip


def parts_of(said: Document, logprobs: list[Document] | None) -> list[Document]:
    return [_part(name, said[name], logprobs) for name in (_TEXT, _REFUSAL) if said.get(name)]


def _part(name: str, text: str, logprobs: list[Document] | None = None) -> Document:
    if name == _TEXT:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs or []}
    return {"type": _EVENTS[name], "refusal" if name == _REFUSAL else "text": text}


def called(job_id: str, number: int, call: Document, *, status: str = "completed") -> Document:
    function = call.get("function") or {}
    return {
        "type": "function_call",
        "id": f"fc_{job_id}_{number}",
        "call_id": call.get("id"),
        "name": function.get("name"),
        "arguments": function.get("arguments") or "",
        "status": status,
    }


@dataclass(slots=True)
class _Open:
    """A text or a call that is being said."""

    index: int
    """Of its item."""
    item: Document
    name: str = ""
    """The field of a message that it is; empty for a call."""
    part: int = 0
    """Of its item's content."""
    text: str = ""
    logprobs: list[Document] = field(default_factory=list)

    def place(self) -> Document:
        return {"item_id": self.item["id"], "output_index": self.index}


class Events:
    """See :class:`handlers.dialects.openai.operation.Narrator`."""

    done = False

    def __init__(
        self, told: Told, *, answer: Callable[[Told], Document], response: Callable[..., Document]
    ) -> None:
        self._told, self._answer, self._response = told, answer, response
        self._deltas = Deltas()
        self._open: dict[str | int, _Open] = {}
        self._items: list[Document] = []
        self._said = 0

    def partial(self, output: Document) -> Iterator[Document]:
        yield from self._begun()
        for choice in choices_of(output)[:1]:
            for delta, logprobs in self._deltas.said(choice):
                yield from self._news(delta, (logprobs or {}).get("content", []))

    def end(self, output: Document) -> Iterator[Document]:
        yield from self.partial(output)
        for one in self._open.values():
            yield from self._closed(one)
        whole = self._answer(replace(self._told, output=output))
        for index, item in enumerate(self._items):
            final = next((one for one in whole["output"] if one["id"] == item["id"]), item)
            yield self._event("output_item.done", output_index=index, item=final)
        yield self._event(whole["status"], response=whole)

    def _begun(self) -> Iterator[Document]:
        if not self._said:
            begun = self._response(self._told, "in_progress")
            yield self._event("created", response=begun)
            yield self._event("in_progress", response=begun)

    def _event(self, what: str, **more: Any) -> Document:
        said = {"type": f"response.{what}", "sequence_number": self._said, **more}
        self._said += 1
        return said

    def _news(self, delta: Document, logprobs: list[Document]) -> Iterator[Document]:
        for name in _EVENTS:
            if delta.get(name):
                yield from self._grown(name, delta[name], logprobs)
        for call in delta.get("tool_calls", ()):
            yield from self._calls(call)

    def _grown(self, name: str, delta: str, logprobs: list[Document]) -> Iterator[Document]:
        if name not in self._open:
            yield from self._opened(name)
        one = self._open[name]
        one.text += delta
        one.logprobs += logprobs
        yield self._event(
            f"{_EVENTS[name]}.delta", **one.place(), content_index=one.part, delta=delta,
            **_probabilities(name, logprobs),
        )  # fmt: skip

    def _opened(self, name: str) -> Iterator[Document]:
        beside = self._open.get(_REFUSAL if name == _TEXT else _TEXT)
        if name == _THOUGHT or beside is None:
            job_id = self._told.id
            new = thought(job_id, "") if name == _THOUGHT else message(job_id, [], status=_GOING)
            one = _Open(len(self._items), new, name)
            yield self._added(new)
        else:
            one = _Open(beside.index, beside.item, name, part=1)
        self._open[name] = one
        part = _part(name, "")
        yield self._event("content_part.added", **one.place(), content_index=one.part, part=part)

    def _calls(self, call: Document) -> Iterator[Document]:
        number, arguments = call["index"], call["function"].get("arguments") or ""
        if number not in self._open:
            bare = {**call, "function": {**call["function"], "arguments": ""}}
            new = called(self._told.id, number, bare, status=_GOING)
            self._open[number] = _Open(len(self._items), new)
            yield self._added(new)
        one = self._open[number]
        one.text += arguments
        if arguments:
            yield self._event("function_call_arguments.delta", **one.place(), delta=arguments)

    def _added(self, item: Document) -> Document:
        self._items.append(item)
        return self._event("output_item.added", output_index=len(self._items) - 1, item=item)

    def _closed(self, one: _Open) -> Iterator[Document]:
        if not one.name:
            yield self._event(
                "function_call_arguments.done", **one.place(), name=one.item["name"],
                arguments=one.text,
            )  # fmt: skip
            return
        part = _part(one.name, one.text, one.logprobs)
        word = "refusal" if one.name == _REFUSAL else "text"
        place = {**one.place(), "content_index": one.part}
        yield self._event(
            f"{_EVENTS[one.name]}.done", **place, **{word: one.text},
            **_probabilities(one.name, one.logprobs),
        )  # fmt: skip
        yield self._event("content_part.done", **place, part=part)


def _probabilities(name: str, logprobs: list[Document]) -> Document:
    """The clients' objects want the field."""
    return {"logprobs": logprobs} if name == _TEXT else {}


_GOING: Final = "in_progress"
