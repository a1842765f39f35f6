"""``/responses``: OpenAI's newer way to ask for a turn, put to the same workers as a chat.

Wire facts: https://platform.openai.com/docs/api-reference/responses. Its tools other than functions
and its kept conversations are refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from handlers.dialects.openai import response_earlier, response_events, response_input
from handlers.dialects.openai.chat import TASKS, choices_of, usage_of
from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.operation import Document, Operation, Told, Wish
from pilotlight.catalogue import Served

_NAMES: Final = {
    "messages": "input",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text",
}
_TURNED: Final = frozenset(
    {
        "input", "instructions", "tools", "tool_choice", "text", "max_output_tokens", "reasoning",
        "include", "store", "truncation", "previous_response_id", "conversation", "prompt",
        "max_tool_calls", "stream_options", "context_management", "background", "top_logprobs",
    }
)  # fmt: skip
_ECHOED: Final = (
    "instructions", "tools", "tool_choice", "text", "max_output_tokens", "temperature", "top_p",
    "parallel_tool_calls", "metadata", "user", "service_tier", "background", "top_logprobs",
)  # fmt: skip
_MOST_ECHOED: Final = 8 * 1024
"""Longer words are not repeated: they would be kept with every job, beside the input itself."""
_USUAL: Final[Document] = {
    "instructions": None,
    "tools": [],
    "tool_choice": "auto",
    "text": {"format": {"type": "text"}},
    "max_output_tokens": None,
    "temperature": None,
    "top_p": None,
    "parallel_tool_calls": True,
    "metadata": {},
    "background": False,
}
_PROBABLE: Final = "message.output_text.logprobs"
_CUT: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


def translate(document: Document, _served: Served) -> Wish:
    """Raises WrongUse."""
    body = {name: value for name, value in document.items() if name not in _TURNED}
    body["messages"] = response_input.messages_of(document)
    if document.get("tools"):
        body["tools"] = response_input.tools_of(document["tools"])
    if "tool_choice" in document:
        body["tool_choice"] = response_input.choice_of(document["tool_choice"])
    wanted = response_input.format_of(document.get("text"))
    if wanted is not None:
        body["response_format"] = wanted
    if "max_output_tokens" in document:
        body["max_completion_tokens"] = document["max_output_tokens"]
    reasoning = document.get("reasoning")
    if not isinstance(reasoning, dict | None):
        raise WrongUse("reasoning is an object", param="reasoning")
    if reasoning and reasoning.get("effort"):
        body["reasoning_effort"] = reasoning["effort"]
    if _PROBABLE in _included(document):
        body |= {"logprobs": True, "top_logprobs": document.get("top_logprobs") or 0}
    return Wish(body, _echo(document), _NAMES)


def _included(document: Document) -> list[Any]:
    included = document.get("include") or []
    if not isinstance(included, list):
        raise WrongUse("include is a list of names", param="include")
    return included


def _echo(document: Document) -> Document:
    said: Document = {name: document[name] for name in _ECHOED if name in document}
    earlier = document.get(response_earlier.FIELD)
    options: Document = {"instructed": True} if document.get("instructions") else {}
    if len(json.dumps(said)) > _MOST_ECHOED:
        said = {}
    if isinstance(earlier, response_earlier.Earlier):
        said[response_earlier.FIELD] = earlier.response_id
    return options | ({"asked": said} if said else {})


def answer(told: Told) -> Document:
    """A response; of several choices the first."""
    choice = next(iter(choices_of(told.output)), {})
    cut = _CUT.get(choice.get("finish_reason", "stop"))
    return response(
        told,
        "incomplete" if cut else "completed",
        output=list(_items(told.id, choice, "incomplete" if cut else "completed")),
        usage=_usage(told.output),
        incomplete_details={"reason": cut} if cut else None,
    )


def response(told: Told, status: str, **more: Any) -> Document:
    """The object around whatever there is to say by now."""
    said: Document = {
        "id": f"resp_{told.id}",
        "object": "response",
        "created_at": told.created,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "model": told.model,
        "output": [],
        "usage": None,
        "previous_response_id": None,
        "truncation": "disabled",
    }
    asked: Document = told.options.get("asked", {})
    return said | _USUAL | asked | more


def _items(job_id: str, choice: Document, status: str) -> Iterator[Document]:
    message = choice.get("message") or {}
    if message.get("reasoning_content"):
        yield response_events.thought(job_id, message["reasoning_content"])
    parts = response_events.parts_of(message, (choice.get("logprobs") or {}).get("content"))
    if parts:
        yield response_events.message(job_id, parts, status=status)
    for number, call in enumerate(message.get("tool_calls") or []):
        yield response_events.called(job_id, number, call)


def _usage(output: Document) -> Document:
    usage = usage_of(output)
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage["total_tokens"],
    }


def _narrator(told: Told) -> response_events.Events:
    return response_events.Events(told, answer=answer, response=response)


OPERATION = Operation(
    name="responses",
    path="/responses",
    tasks=TASKS,
    translate=translate,
    answer=answer,
    narrator=_narrator,
    pending=response,
    continued=response_earlier.continued,
)
