"""A body against an endpoint's contract, and what is wrong with it in words and fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from pilotlight.errors import InvalidInput, MalformedBody, Problem
from pilotlight.intake import strict

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_ECHO = 500
"""Longest part of the caller's own value that an error repeats, in characters."""


def validate(model: type[BaseModel], body: bytes) -> BaseModel:
    """Raises InvalidInput that names every field, MalformedBody when it is not JSON."""
    body = body or b"{}"
    strict.check(body)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise refused(error) from None


def refused(error: ValidationError) -> InvalidInput:
    problems = tuple(_problem(item) for item in error.errors(include_url=False))
    first = problems[0]
    kind = MalformedBody if first.type == "json_invalid" else InvalidInput
    where = ".".join(str(part) for part in first.loc)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return kind(f"{where}: {first.message}{more}", *problems)


def _problem(item: ErrorDetails) -> Problem:
    context = {key: _plain(value) for key, value in (item.get("ctx") or {}).items()}
    given = item["input"]
    echo = None if len(str(given)) > MAX_ECHO else _plain(given)
    return Problem(("body", *item["loc"]), item["msg"], item["type"], context, echo)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict) else str(value)
