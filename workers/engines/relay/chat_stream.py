"""A conversation as its upstream writes it: chunks in, the turn so far out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pilotlight import Context
    from pilotlight.upstreams import Reply, Upstream
    from workers.engines.relay.openai import Document

_TEXTS: Final = ("content", "reasoning_content", "refusal")
_ELSEWHERE: Final = {"reasoning": "reasoning_content"}
"""vLLM's newer name and OpenRouter's."""


def listened(
    upstream: Upstream,
    context: Context,
    path: str,
    *,
    document: Document,
    headers: dict[str, str],
    within_s: float,
) -> Reply:
    """As ``upstream.ask``, with the whole turn as the reply; followers see it grow.

    What goes wrong in the middle is a reply with its status. Raises NoAnswer for one that breaks off.
    """
    from pilotlight.upstreams import NoAnswer, Reply
    from workers.engines.relay.relays import Anything

    asked = {**document, "stream": True, "stream_options": {"include_usage": True}}
    with upstream.listen(path, document=asked, headers=headers, within_s=within_s) as answer:
        if answer.status // 100 != 2 or _came_at_once(answer.headers):
            return Reply(answer.status, answer.headers, b"".join(answer.chunks()))
        turn = Turn()
        for heard in events(answer.chunks()):
            for chunk in heard:
                if chunk.get("error"):
                    status = _status(chunk["error"])
                    return Reply(status, answer.headers, json.dumps(chunk).encode())
                turn.add(chunk)
            news = turn.news()
            if news is not None:
                context.partial(Anything.model_validate(news))
    if not turn.is_whole:
        raise NoAnswer(f"{upstream.name} broke off in the middle of its answer", asked=True)
    return Reply(answer.status, answer.headers, json.dumps(turn.document).encode())


def _came_at_once(headers: Mapping[str, str]) -> bool:
    """Not every model streams."""
    return headers.get("content-type", "").startswith("application/json")


def _status(error: Any) -> int:
    """What it would have been, had it gone wrong before the first word."""
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 502


def events(pieces: Iterable[bytes]) -> Iterator[list[Document]]:
    """The data of every event, those that came together in one list, up to ``[DONE]``."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        data = [line.removeprefix(b"data:").strip() for line in lines if line.startswith(b"data:")]
        yield [found for one in data if (found := _document(one)) is not None]
        if b"[DONE]" in data:
            return


def _document(data: bytes) -> Document | None:
    """None for what is no JSON object, such as ``[DONE]``."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


class Turn:
    """``document`` is the answer as far as it was heard."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._usage: Document | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything that was begun has come to its end."""
        return bool(self._choices) and all(one.ended for one in self._choices.values())

    @property
    def document(self) -> Document:
        usage = {} if self._usage is None else {"usage": self._usage}
        return {"choices": [self._choices[index].said for index in sorted(self._choices)], **usage}

    def news(self) -> Document | None:
        """What was not told before, with where it begins; None when that is nothing.

        An answer of thousands of words that repeats itself with each one would be megabytes.
        """
        choices = [one.news() for one in self._choices.values() if one.is_new]
        return {"choices": choices} if choices else None

    def add(self, chunk: Document) -> None:
        if isinstance(chunk.get("usage"), dict):
            self._usage = chunk["usage"]
        for said in chunk.get("choices") or ():
            index = int(said.get("index", 0))
            self._choices.setdefault(index, _Choice(index)).add(said)


class _Choice:
    def __init__(self, index: int) -> None:
        self._message: Document = {"role": "assistant"}
        self.said: Document = {"index": index, "message": self._message, "finish_reason": "stop"}
        self.ended = self.is_new = False
        self._told: dict[str, int] = {}

    def add(self, said: Document) -> None:
        delta = said.get("delta") or {}
        for given, text in delta.items():
            name = _ELSEWHERE.get(given, given)
            if name in _TEXTS and isinstance(text, str):
                self._message[name] = (self._message.get(name) or "") + text
                self.is_new = self.is_new or bool(text)
        for call in delta.get("tool_calls") or ():
            self._call(call)
        likely = (said.get("logprobs") or {}).get("content")
        if isinstance(likely, list):
            kept = self.said.setdefault("logprobs", {"content": [], "refusal": None})
            kept["content"] += likely
        if said.get("finish_reason"):
            self.said["finish_reason"] = said["finish_reason"]
            self.ended = True

    def _call(self, call: Document) -> None:
        self.is_new = True
        calls: list[Any] = self._message.setdefault("tool_calls", [])
        at = int(call.get("index", len(calls)))
        while len(calls) <= at:
            calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        calls[at]["id"] = call.get("id") or calls[at]["id"]
        told = call.get("function") or {}
        for name in ("name", "arguments"):
            calls[at]["function"][name] += told.get(name) or ""

    def news(self) -> Document:
        self.is_new = False
        since, message = self._told, dict(self._message)
        self._told = {name: len(message[name]) for name in _TEXTS if name in message}
        for name, length in since.items():
            if name in message:
                message[name] = message[name][length:]
        told = {**self.said, "message": message, "since": since}
        if "logprobs" in self.said:
            likely = self.said["logprobs"]["content"]
            told["logprobs"] = {"content": likely[since.get("logprobs", 0) :], "refusal": None}
            self._told["logprobs"] = len(likely)
        return told
