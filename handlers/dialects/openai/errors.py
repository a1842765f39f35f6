"""What went wrong, in OpenAI's shape: ``{"error": {"message", "type", "param", "code"}}``.

The clients choose their exception by the status, and repeat 408, 409, 429 and everything from 500
up unless ``x-should-retry`` says otherwise (openai 3.51). A model's own failure says so: the job
was tried as often as may, and another request would pay for all of it again.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from starlette.responses import JSONResponse, Response

from handlers import limits
from handlers.names import as_id
from pilotlight.contracts.job import JobError
from pilotlight.errors import (
    MalformedBody,
    PilotlightError,
    Problem,
    UnknownEndpoint,
    UnknownFile,
    UnknownJob,
)

REQUEST_ID = "x-request-id"
_WRONG, _OURS, _BUSY = "invalid_request_error", "server_error", "requests"
_MEMBER = re.compile(r"str|int|float|bool|bytes|.*[^a-z0-9_].*", re.DOTALL)
"""What pydantic puts into a place where it tried the members of a union."""


class WrongUse(PilotlightError):
    """A request that no endpoint ever sees. ``details``: ``param`` names the field."""

    code = "invalid_value"
    http_status = 400


def own_id() -> str:
    """The id of a request that is no job."""
    return f"req_{uuid.uuid4().hex}"


class Kind(NamedTuple):
    http_status: int
    type: str
    code: str | None


_KINDS = {
    "unauthenticated": Kind(401, _WRONG, "invalid_api_key"),
    "unauthorised": Kind(403, _WRONG, "missing_scope"),
    "unknown_endpoint": Kind(404, _WRONG, "model_not_found"),
    "unrouted_endpoint": Kind(404, _WRONG, "model_not_found"),
    "unknown_job": Kind(404, _WRONG, "request_not_found"),
    "unknown_file": Kind(404, _WRONG, "file_not_found"),
    "rate_limited": Kind(429, _BUSY, "rate_limit_exceeded"),
    "queue_quota_reached": Kind(429, _BUSY, "rate_limit_exceeded"),
    "backlog_full": Kind(429, _BUSY, "backlog_full"),
    # A 409 would be repeated by the clients, and nothing we answer is cured by that.
    "illegal_transition": Kind(400, _WRONG, "illegal_transition"),
    "start_timeout": Kind(504, _OURS, "start_timeout"),
}
"""Our codes in OpenAI's words; a code that is not here keeps its own name and status."""
_PASSING = frozenset({"unavailable"})
"""Failures that are worth the same request once more."""


def body_of(error: JobError) -> tuple[int, dict[str, Any]]:
    """Status and body. Input that the contract refused is a 400 that names the first field."""
    if error.problems or error.code in {"invalid_input", "json_invalid"}:
        return 400, _refusal(error)
    kind = _KINDS.get(error.code)
    if kind is None:
        ours = error.http_status >= 500
        kind = Kind(error.http_status, _OURS if ours else _WRONG, error.code)
    return kind.http_status, _body(error.message, kind.type, None, kind.code)


def _body(message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _refusal(error: JobError) -> dict[str, Any]:
    """Of the first field; where it may be one thing or another, of the one that was meant."""
    if not error.problems:
        return _body(error.message, _WRONG, None, error.code)
    first, told = error.problems[0], error.message
    meant = _meant(error.problems)
    if meant is not first:
        told = f"{_param(meant)}: {meant.message}"
    return _body(told, _WRONG, _param(meant), meant.type)


def _meant(problems: Sequence[Problem]) -> Problem:
    """Of a union's members each says what it lacks: the one that got furthest into the value."""
    first = problems[0]
    at = _field(first)
    if len(at) == len(first.loc) - 1:
        return first
    same = [one for one in problems if _field(one)[: len(at)] == at]
    return max(same, key=lambda one: len(one.loc))


def renamed(problem: Problem, names: Mapping[str, str]) -> Problem:
    """``names``: the caller's, by the contract's."""
    place, *rest = problem.loc
    if rest and isinstance(rest[0], str):
        rest[0] = names.get(rest[0], rest[0])
    return replace(problem, loc=(place, *rest))


def in_names_of(names: Mapping[str, str], error: JobError) -> JobError:
    """What a worker says of its contract's fields, told of the caller's."""
    began = re.match(r"\w+", error.message)
    name = began[0] if began else ""
    return replace(
        error,
        message=names.get(name, name) + error.message[len(name) :],
        problems=tuple(renamed(problem, names) for problem in error.problems),
    )


def _field(problem: Problem) -> tuple[str | int, ...]:
    """The place in the caller's own document, without the names of a union's members."""
    path = problem.loc[1:]
    ends = (at for at, part in enumerate(path) if isinstance(part, str) and _MEMBER.fullmatch(part))
    return path[: next(ends, len(path))]


def _param(problem: Problem) -> str | None:
    """``("body", "messages", 0, "role")`` -> ``messages[0].role``."""
    path = () if problem.type == "json_invalid" else _field(problem)
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or None


def respond(error: JobError, *, request_id: str) -> Response:
    """A failed job as its result."""
    status, content = body_of(error)
    headers = {REQUEST_ID: request_id}
    if status >= 500 and error.code not in _PASSING:
        headers["x-should-retry"] = "false"
    return JSONResponse(content, status, headers=headers)


def render(error: PilotlightError) -> Response:
    """Any error that a route raises."""
    request_id = as_id(error.details.get("job_id")) or own_id()
    response = respond(JobError.of(error), request_id=request_id)
    param = _param_of(error)
    if param is not None:
        status, content = body_of(JobError.of(error))
        content["error"]["param"] = param
        response = JSONResponse(content, status, headers={REQUEST_ID: request_id})
    if error.http_status == 429:
        response.headers.update(_limits(limits.headers_of(error)))
    return response


def _limits(told: dict[str, str]) -> dict[str, str]:
    """Under OpenAI's own names too: ``x-ratelimit-reset-requests: 2s``."""
    if "ratelimit-limit" not in told:
        return told
    return told | {
        "x-ratelimit-limit-requests": told["ratelimit-limit"],
        "x-ratelimit-remaining-requests": told["ratelimit-remaining"],
        "x-ratelimit-reset-requests": f"{told['ratelimit-reset']}s",
    }


def _param_of(error: PilotlightError) -> str | None:
    if isinstance(error, WrongUse):
        param = error.details.get("param")
        return None if param is None else str(param)
    if isinstance(error, UnknownEndpoint):
        return "model"
    return "id" if isinstance(error, UnknownFile | UnknownJob) else None


def not_json() -> MalformedBody:
    return MalformedBody("the body is not a JSON object")
