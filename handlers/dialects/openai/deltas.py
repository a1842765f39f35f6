"""What a chat choice says more than it said before.

A partial output holds all that was said so far, but for what its ``since`` leaves out.

An attempt may be started again in the middle. While it repeats what is out already nothing is
said; where it says something else the stream cannot be mended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from handlers.dialects.openai.operation import Diverged, Document

_TEXTS = ("reasoning_content", "content", "refusal")


def more(before: str, now: str, *, at: int = 0) -> str:
    """The end of ``now`` that ``before`` lacks; ``now`` begins ``at`` characters in.

    Behind a gap nothing is said: the output itself is whole. Raises Diverged.
    """
    known = before[at:]
    if now.startswith(known):
        return now[len(known) :] if at <= len(before) else ""
    if known.startswith(now):
        return ""
    raise Diverged


def since(choice: Document, name: str) -> int:
    told = choice.get("since")
    at = told.get(name) if isinstance(told, dict) else None
    return at if isinstance(at, int) else 0


@dataclass(slots=True)
class _Call:
    arguments: str = ""


@dataclass(slots=True)
class Deltas:
    """Of one choice."""

    begun: bool = False
    texts: dict[str, str] = field(default_factory=dict)
    calls: list[_Call] = field(default_factory=list)
    logprobs: int = 0
    """Tokens whose probabilities were told."""

    def said(self, choice: Document) -> Iterator[tuple[Document, Any]]:
        """Deltas with their ``logprobs``. Raises Diverged."""
        message = choice.get("message") or {}
        if not self.begun:
            self.begun = True
            yield {"role": message.get("role", "assistant"), "content": ""}, None
        for name in _TEXTS:
            delta = self._text(name, message.get(name) or "", at=since(choice, name))
            if delta:
                yield {name: delta}, self._logprobs(choice) if name == "content" else None
        calls = list(self._tool_calls(message.get("tool_calls") or []))
        if calls:
            yield {"tool_calls": calls}, None

    def _text(self, name: str, now: str, *, at: int) -> str:
        before = self.texts.get(name, "")
        delta = more(before, now, at=at)
        if delta:
            self.texts[name] = before + delta
        return delta

    def _tool_calls(self, calls: list[Document]) -> Iterator[Document]:
        for index, call in enumerate(calls):
            function = call.get("function") or {}
            arguments = function.get("arguments") or ""
            if index == len(self.calls):
                self.calls.append(_Call(arguments))
                told = {"name": function.get("name"), "arguments": arguments}
                kind = call.get("type", "function")
                yield {"index": index, "id": call.get("id"), "type": kind, "function": told}
                continue
            delta = more(self.calls[index].arguments, arguments)
            if delta:
                self.calls[index].arguments = arguments
                yield {"index": index, "function": {"arguments": delta}}

    def _logprobs(self, choice: Document) -> Document | None:
        told = choice.get("logprobs")
        tokens = told.get("content") if isinstance(told, dict) else None
        if not isinstance(tokens, list):
            return None
        at = since(choice, "logprobs")
        fresh = tokens[max(0, self.logprobs - at) :]
        self.logprobs = max(self.logprobs, at + len(tokens))
        return {"content": fresh, "refusal": None}
