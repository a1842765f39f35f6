"""What ``/responses`` is asked, as the conversation that a chat worker takes.

Wire facts: https://platform.openai.com/docs/api-reference/responses/create.
"""

from __future__ import annotations

from typing import Any, Final

from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.operation import Document
from handlers.dialects.openai.response_earlier import FIELD, Earlier

# Not sets: a role may be a list, which a set could not even be asked about.
_ROLES: Final = ("user", "assistant", "system", "developer")
_TEXTS: Final = ("input_text", "output_text", "text")
_UNKEPT: Final = "is not kept here; send all of it in input, or go on from a previous_response_id"


def messages_of(document: Document) -> list[Document]:
    """Raises WrongUse that names the item."""
    for name in ("conversation", "prompt"):
        if document.get(name):
            raise WrongUse(f"a {name} {_UNKEPT}", param=name)
    earlier = document.get(FIELD)
    if not isinstance(earlier, Earlier | None):
        raise WrongUse("a batch's lines cannot go on from a response", param=FIELD)
    given = document.get("input")
    told: list[Document] = []
    if document.get("instructions"):
        told.append({"role": "system", "content": document["instructions"]})
    told += earlier or ()
    if isinstance(given, str):
        return [*told, {"role": "user", "content": given}]
    if not (isinstance(given, list) and given):
        raise WrongUse("input is a text or a list of items", param="input")
    for number, item in enumerate(given):
        _add(told, item, f"input[{number}]")
    return told


def _add(told: list[Document], item: Any, at: str) -> None:
    if not isinstance(item, dict):
        raise WrongUse(f"{at} is an object", param=at)
    match item.get("type", "message"):
        case "message":
            told.append(_message(item, at))
        case "function_call":
            _add_call(told, item)
        case "function_call_output":
            content = _content(item.get("output"), f"{at}.output")
            told.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": content})
        case "reasoning":
            return  # what a model thought before is not put to it again
        case kind:
            raise WrongUse(
                f"{at}.type is message, function_call, function_call_output or reasoning, "
                f"not {str(kind)[:50]!r}",
                param=f"{at}.type",
            )


def _message(item: Document, at: str) -> Document:
    role = item.get("role")
    if role not in _ROLES:
        raise WrongUse(f"{at}.role is one of {', '.join(_ROLES)}", param=f"{at}.role")
    return {"role": role, "content": _content(item.get("content"), f"{at}.content")}


def _add_call(told: list[Document], item: Document) -> None:
    """Calls that follow each other were one turn of the model."""
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    call = {"id": item.get("call_id"), "type": "function", "function": function}
    if told and "tool_calls" in told[-1]:
        told[-1]["tool_calls"].append(call)
    elif told and told[-1]["role"] == "assistant":
        told[-1]["tool_calls"] = [call]
    else:
        told.append({"role": "assistant", "content": None, "tool_calls": [call]})


def _content(given: Any, at: str) -> Any:
    """Texts alone become one text: not every model takes parts."""
    if isinstance(given, str):
        return given
    if not isinstance(given, list):
        raise WrongUse(f"{at} is a text or a list of parts", param=at)
    parts = [_part(part, f"{at}[{number}]") for number, part in enumerate(given)]
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _part(part: Any, at: str) -> Document:
    match part:
        case {"type": kind, "text": str(text)} if kind in _TEXTS:
            return {"type": "text", "text": text}
        case {"type": "refusal", "refusal": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "input_image", "image_url": str(url)}:
            detail = part.get("detail") or "auto"
            return {"type": "image_url", "image_url": {"url": url, "detail": detail}}
        case {"type": "input_audio", "input_audio": dict(sound)}:
            return {"type": "input_audio", "input_audio": sound}
    raise WrongUse(
        f"{at} is an input_text or output_text with text, an input_image with image_url, "
        "or an input_audio",
        param=at,
    )


def tools_of(given: Any) -> list[Document]:
    """Raises WrongUse for a tool that OpenAI itself would run."""
    if not isinstance(given, list):
        raise WrongUse("tools is a list", param="tools")
    told = []
    for number, tool in enumerate(given):
        if not (isinstance(tool, dict) and tool.get("type") == "function"):
            at = f"tools[{number}].type"
            raise WrongUse(f"{at} is function: no other tool is run here", param=at)
        named = {key: value for key, value in tool.items() if key != "type" and value is not None}
        told.append({"type": "function", "function": named})
    return told


def choice_of(given: Any) -> Any:
    match given:
        case str():
            return given
        case {"type": "function", "name": str(name)}:
            return {"type": "function", "function": {"name": name}}
    raise WrongUse(
        "tool_choice is auto, none, required, or a function by its name", param="tool_choice"
    )


def format_of(given: Any) -> Document | None:
    """``text.format`` as ``response_format``; None for plain text."""
    wanted = given.get("format") if isinstance(given, dict) else None
    match wanted:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return {"type": "json_object"}
        case {"type": "json_schema"}:
            schema = {key: value for key, value in wanted.items() if key != "type"}
            return {"type": "json_schema", "json_schema": schema}
    raise WrongUse("text.format.type is text, json_object or json_schema", param="text.format")
