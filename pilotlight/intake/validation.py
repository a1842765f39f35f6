"""A body against an endpoint's contract, and what is wrong with it in words and fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from pilotlight.errors import InvalidInput, MalformedBody, Problem
from pilotlight.intake import strict

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_ECHO: Final = 500
"""Longest part of the caller's own value that an error repeats, in characters."""
MOST_TOLD: Final = 1000
"""Problems of one body that are told one by one; each costs more than the value it is about."""
_SAMPLE: Final = 20
"""Items of each list in which the first problem is looked for when there are more than that."""


def validate(model: type[BaseModel], body: bytes) -> BaseModel:
    """Raises InvalidInput that names every field, MalformedBody when it is not JSON."""
    body = body or b"{}"
    strict.check(body)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        if error.error_count() <= MOST_TOLD:
            raise refused(error) from None
        count = error.error_count()
    raise _far_too_wrong(model, body, count)


def refused(error: ValidationError) -> InvalidInput:
    problems = tuple(_problem(item) for item in error.errors(include_url=False))
    first = problems[0]
    kind = MalformedBody if first.type == "json_invalid" else InvalidInput
    where = ".".join(str(part) for part in first.loc)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return kind(f"{where}: {first.message}{more}", *problems)


def _far_too_wrong(model: type[BaseModel], body: bytes, count: int) -> InvalidInput:
    """The same of the body's beginning: what is wrong a thousand times is wrong there too."""
    told = f"{count} problems; the first {MOST_TOLD} at most are told"
    try:
        model.model_validate_json(json.dumps(_beginning(json.loads(body))))
    except ValidationError as error:
        if error.error_count() <= MOST_TOLD:
            found = refused(error)
            return InvalidInput(f"{found} ({told})", *found.problems)
    return InvalidInput(f"body: {told}", Problem(("body",), told, "too_many_problems"))


def _beginning(value: Any) -> Any:
    if isinstance(value, list):
        return [_beginning(item) for item in value[:_SAMPLE]]
    if isinstance(value, dict):
        kept = list(value.items())[: 10 * _SAMPLE]
        return {key: _beginning(item) for key, item in kept}
    return value


def _problem(item: ErrorDetails) -> Problem:
    context = {key: _plain(value) for key, value in (item.get("ctx") or {}).items()}
    given = item["input"]
    echo = _plain(given) if _left(given, MAX_ECHO) >= 0 else None
    return Problem(("body", *item["loc"]), item["msg"], item["type"], context, echo)


def _left(value: Any, room: int) -> int:
    """What is left of so many characters when the value is written; below 0 there is too little.

    It stops there: several problems may hold the same twenty megabytes.
    """
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            room = _left(item, room - 2 - (len(key) if isinstance(key, str) else 0))
            if room < 0:
                break
        return room - 2
    return room - (len(value) if isinstance(value, str | bytes) else len(str(value)))


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict) else str(value)
