"""Bodies in which the endpoint's input is one field among others: ``{"model": ..., "input": {}}``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from handlers.bodies import whole
from handlers.services import services_of
from pilotlight.contracts.tags import MAX_KEY_CHARACTERS, MAX_VALUE_CHARACTERS, MOST_TAGS, Tag
from pilotlight.errors import IdempotencyMismatch, InvalidInput, Problem
from pilotlight.intake.validation import validate

M = TypeVar("M", bound=BaseModel)


class TagField(BaseModel):
    """One tag, as callers write it."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(min_length=1, max_length=MAX_KEY_CHARACTERS)
    value: str = Field(max_length=MAX_VALUE_CHARACTERS)


TagFields = Annotated[list[TagField], Field(max_length=MOST_TAGS)]


def tags_of(fields: list[TagField] | None) -> tuple[Tag, ...]:
    return tuple(Tag(one.key, one.value) for one in fields or ())


async def opened(request: Request, model: type[M]) -> M:
    """The body read as ``model``. Raises InvalidInput that names every field, BodyTooLarge."""
    body = await whole(request, max_bytes=services_of(request).settings.ingress.max_body_bytes)
    found = validate(model, body)
    assert isinstance(found, model)
    return found


def packed(document: dict[str, Any]) -> bytes:
    """The inner input as a body of its own."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


@contextlib.contextmanager
def inside(field: str) -> Iterator[None]:
    """What is wrong with the inner input is said to be wrong inside ``field`` of the whole body."""
    try:
        yield
    except IdempotencyMismatch:
        raise
    except InvalidInput as error:
        raise _moved(error, field) from None


def fields_of(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """For a dialect whose vendor has no words for wrong fields: ``input.prompt``, what, which kind."""
    return [
        {"field": _field(problem), "message": problem.message, "type": problem.type}
        for problem in problems
    ]


def _field(problem: Problem) -> str:
    inner = problem.loc[1:] if problem.loc[:1] == ("body",) else problem.loc
    return ".".join(str(part) for part in inner) or "body"


def _moved(error: InvalidInput, field: str) -> InvalidInput:
    problems = tuple(_below(problem, field) for problem in error.problems)
    if not problems:
        return error
    first = problems[0]
    where = ".".join(str(part) for part in first.loc)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return type(error)(f"{where}: {first.message}{more}", *problems, **error.details)


def _below(problem: Problem, field: str) -> Problem:
    first, *rest = problem.loc
    if first != "body":
        return problem
    return Problem(
        (first, field, *rest), problem.message, problem.type, problem.context, problem.given
    )
