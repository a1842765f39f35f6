"""What is sent to agents. Lengths are seconds."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from handlers.bodies import whole
from pilotlight.contracts.agent import Definition
from pilotlight.errors import InvalidInput, Problem
from pilotlight.intake.validation import validate

MAX_BODY_BYTES = 2 * 1024 * 1024
"""Media belong in an upload: what stands here is kept in rows, and put into every payload that
names it."""
Seconds = Annotated[float, Field(gt=0, le=366 * 24 * 3600, allow_inf_nan=False)]
M = TypeVar("M", bound=BaseModel)


class AgentWish(Definition):
    name: str = Field(default="", max_length=200)

    def definition(self) -> Definition:
        return Definition(nodes=self.nodes, output=self.output)


class _Terms(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    input: dict[str, Any] = {}
    """What ``{{input...}}`` names."""
    sync: bool = False
    """Hold the answer back until the run is over."""
    webhook: str | None = None
    priority: Literal["normal", "low"] = "normal"
    expires_s: Seconds | None = None
    """What is not over by then is expired, with all that still runs of it."""
    keep_s: Seconds | None = None
    """How long the run is remembered after its end."""
    idempotency_key: str | None = None


class RunWish(_Terms):
    version: int | None = Field(default=None, ge=1)
    """None: the newest."""


class InlineRun(_Terms, Definition):
    def definition(self) -> Definition:
        return Definition(nodes=self.nodes, output=self.output)


class CheckWish(Definition):
    input: dict[str, Any] | None = None
    """With it the fields that are made from it are checked too."""

    def definition(self) -> Definition:
        return Definition(nodes=self.nodes, output=self.output)


async def opened(request: Request, model: type[M]) -> tuple[M, bytes]:
    """The body, read and as it came. Raises InvalidInput that names nodes by their ids."""
    body = await whole(request, max_bytes=MAX_BODY_BYTES)
    try:
        found = validate(model, body)
    except InvalidInput as error:
        raise _by_id(error, body) from None
    assert isinstance(found, model)
    return found, body


def _by_id(error: InvalidInput, body: bytes) -> InvalidInput:
    try:
        nodes = json.loads(body)["nodes"]
        ids = [node.get("id") for node in nodes]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return error
    problems = tuple(_named(problem, ids) for problem in error.problems)
    if not problems or problems == error.problems:
        return error
    first = problems[0]
    where = ".".join(str(part) for part in first.loc[1:])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return type(error)(f"{where}: {first.message}{more}", *problems)


def _named(problem: Problem, ids: list[Any]) -> Problem:
    loc = problem.loc
    if loc[:2] != ("body", "nodes") or len(loc) < 3 or not isinstance(loc[2], int):
        return problem
    name = ids[loc[2]] if loc[2] < len(ids) else None
    if not isinstance(name, str) or not name or len(name) > 100:
        return problem
    where = ("body", "nodes", name, *loc[3:])
    return Problem(where, problem.message, problem.type, problem.context, problem.given)
