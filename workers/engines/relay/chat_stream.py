"""A conversation as its upstream writes it: chunks in, the turn so far out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pilotlight import Context
    from pilotlight.upstreams import Reply, Upstream
    from workers.engines.relay.openai import Document

_TEXTS: Final = ("content", "reasoning_content", "refusal")


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

    Raises NoAnswer for one that breaks off.
    """
    from pilotlight.upstreams import NoAnswer, Reply
    from workers.engines.relay.relays import Anything

    asked = {**document, "stream": True, "stream_options": {"include_usage": True}}
    with upstream.listen(path, document=asked, headers=headers, within_s=within_s) as answer:
        if answer.status // 100 != 2:
            return Reply(answer.status, answer.headers, b"".join(answer.chunks()))
        turn = Turn()
        for heard in events(answer.chunks()):
            for chunk in heard:
                turn.add(chunk)
            if heard:
                context.partial(Anything.model_validate(turn.document))
    if not turn.is_whole:
        raise NoAnswer(f"{upstream.name} broke off in the middle of its answer", asked=True)
    return Reply(answer.status, answer.headers, json.dumps(turn.document).encode())


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
        self._choices: dict[int, Document] = {}
        self._ended: set[int] = set()
        self._usage: Document | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything that was begun has come to its end."""
        return bool(self._choices) and self._ended == set(self._choices)

    @property
    def document(self) -> Document:
        usage = {} if self._usage is None else {"usage": self._usage}
        return {"choices": [self._choices[index] for index in sorted(self._choices)], **usage}

    def add(self, chunk: Document) -> None:
        if isinstance(chunk.get("usage"), dict):
            self._usage = chunk["usage"]
        for said in chunk.get("choices") or ():
            index = int(said.get("index", 0))
            empty = {"index": index, "message": {"role": "assistant"}, "finish_reason": "stop"}
            choice = self._choices.setdefault(index, empty)
            if said.get("finish_reason"):
                choice["finish_reason"] = said["finish_reason"]
                self._ended.add(index)
            _grow(choice["message"], said.get("delta") or {})


def _grow(message: Document, delta: Document) -> None:
    for name in _TEXTS:
        if isinstance(delta.get(name), str):
            message[name] = (message.get(name) or "") + delta[name]
    for call in delta.get("tool_calls") or ():
        calls: list[Any] = message.setdefault("tool_calls", [])
        at = int(call.get("index", len(calls)))
        while len(calls) <= at:
            calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        calls[at]["id"] = call.get("id") or calls[at]["id"]
        told = call.get("function") or {}
        for name in ("name", "arguments"):
            calls[at]["function"][name] += told.get(name) or ""
