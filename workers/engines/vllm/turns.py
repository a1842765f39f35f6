"""What vLLM's server says of a conversation, in the words of the contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pilotlight.contracts.tasks.chat import Answer, Choice, Completion, Since
from pilotlight.contracts.tasks.usage import Usage
from workers.engines.servers.in_process import BrokeOff

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Document = dict[str, Any]
_ENDS: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})
_BROKEN: Final = frozenset({"abort", "error"})
"""What vLLM and SGLang call the end of an answer that they gave up on."""


async def chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[Document]:
    """The data of every server-sent event."""
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:") and line != b"data: [DONE]":
                yield json.loads(line[5:])


def whole(document: Document) -> Completion:
    """A reply that came at once."""
    heard = Heard()
    for said in document["choices"]:
        heard.add({"choices": [said | {"delta": said["message"]}]})
    heard.add({"choices": [], "usage": document.get("usage")})
    return heard.whole()


class Heard:
    """A conversation's turn, as far as it was heard."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._usage = Usage()

    def add(self, chunk: Document) -> Completion | None:
        """What is new in it; None when that is nothing to tell. Raises BrokeOff."""
        if chunk.get("usage"):
            self._usage = Usage.model_validate(chunk["usage"])
        news = [
            self._choices.setdefault(said["index"], _Choice(said["index"])).add(said)
            for said in chunk.get("choices") or ()
        ]
        told = [one for one in news if one is not None]
        return Completion(choices=told) if told else None

    def whole(self) -> Completion:
        said = [self._choices[index].whole() for index in sorted(self._choices)]
        return Completion(choices=said, usage=self._usage)


class _Choice:
    def __init__(self, index: int) -> None:
        self._index = index
        self._content = self._reasoning = ""
        self._calls: list[Document] = []
        self._likelihoods: list[Document] | None = None
        self._end = "stop"
        self._told = 0
        """Likelihoods that were passed on; those of a token without words wait for the next."""

    def add(self, said: Document) -> Choice | None:
        delta = said.get("delta") or {}
        since = Since(
            content=len(self._content),
            reasoning_content=len(self._reasoning),
            logprobs=self._told,
        )
        content = delta.get("content") or ""
        reasoning = delta.get("reasoning_content") or delta.get("reasoning") or ""
        self._content += content
        self._reasoning += reasoning
        fresh = (said.get("logprobs") or {}).get("content")
        if fresh is not None:
            self._likelihoods = [*(self._likelihoods or ()), *fresh]
        for call in delta.get("tool_calls") or ():
            self._call(call)
        end = said.get("finish_reason")
        if end in _BROKEN:
            raise BrokeOff("the engine broke the answer off")
        if end in _ENDS:
            self._end = end
        if not (content or reasoning or delta.get("tool_calls")):
            return None
        likely = self._likelihoods and self._likelihoods[self._told :]
        self._told += len(likely or ())
        return self._choice(content, reasoning, likely, since)

    def _call(self, call: Document) -> None:
        at = call.get("index")
        at = len(self._calls) if at is None else at
        while len(self._calls) <= at:
            self._calls.append({"id": "", "function": {"name": "", "arguments": ""}})
        kept, told = self._calls[at], call.get("function") or {}
        kept["id"] = kept["id"] or call.get("id") or ""
        for name in ("name", "arguments"):
            kept["function"][name] += told.get(name) or ""

    def whole(self) -> Choice:
        return self._choice(self._content, self._reasoning, self._likelihoods, None)

    def _choice(
        self,
        content: str,
        reasoning: str,
        likelihoods: list[Document] | None,
        since: Since | None,
    ) -> Choice:
        answer = {
            "content": None if self._calls and not content else content,
            "reasoning_content": reasoning or None,
            "tool_calls": self._calls or None,
        }
        return Choice.model_validate(
            {
                "index": self._index,
                "message": Answer.model_validate(answer),
                "logprobs": {"content": likelihoods, "refusal": None} if likelihoods else None,
                "finish_reason": self._end,
                "since": since,
            }
        )
