"""What an upstream says went wrong, as errors of ours.

================================  ==========================================================
400, 409, 413, 422 and the like   the caller's: fields kept, not tried again
401, 403                          the owner's: the key or the account, not tried again
404 at a submit                   the owner's: the upstream has no such endpoint
429, 503                          tried again, not before ``Retry-After``
other 5xx                         tried again, unless ``x-fal-needs-retry: 0``
================================  ==========================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pilotlight import InvalidInput, PilotlightError, Problem, WorkerError

if TYPE_CHECKING:
    from pilotlight.upstreams import Reply, Upstream

_LONGEST: Final = 500


class Busy(WorkerError):
    code = "upstream_busy"
    http_status = 503
    retryable = True


class Failed(WorkerError):
    code = "upstream_failed"
    http_status = 502
    retryable = True


class GaveUp(WorkerError):
    """It failed upstream, and would again."""

    code = "upstream_error"
    http_status = 502


class KeyRefused(WorkerError):
    code = "upstream_key_refused"
    http_status = 503


class NotThere(WorkerError):
    """The upstream does not know the endpoint, or does not know the request any more."""

    code = "upstream_unknown"
    http_status = 502


class Unsure(WorkerError):
    """It may have been done and paid for; nobody can tell."""

    code = "upstream_unsure"
    http_status = 502


class Garbled(WorkerError):
    code = "upstream_garbled"
    http_status = 502


def refusal(upstream: Upstream, reply: Reply) -> PilotlightError:
    """What to raise for a reply that is not 2xx."""
    said, status = words(reply), reply.status
    told = f"{upstream.name} answered {status}: {said}"
    match status:
        case 401 | 403:
            where = upstream.settings.key_env
            return KeyRefused(f"{upstream.name} refuses the key in {where} or its account: {said}")
        case 404:
            return NotThere(told)
        case 408 | 499:
            return GaveUp(told)
        case 429 | 503:
            return Busy(told, retry_after_s=retry_after_s(reply))
    if status >= 500:
        final = reply.headers.get("x-fal-needs-retry") == "0"
        return GaveUp(told) if final else Failed(told, retry_after_s=retry_after_s(reply))
    return InvalidInput(said, *_problems(reply, said)) if status >= 400 else Garbled(told)


def retry_after_s(reply: Reply) -> float:
    """0 for none, and for a date: nobody's clock is trusted."""
    text = reply.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0


def words(reply: Reply) -> str:
    """Its own words, without anything of ours: fal's ``detail``, OpenAI's ``error.message``."""
    document = reply.document
    found: Any = None
    if isinstance(document, dict):
        found = document.get("detail") or document.get("message")
        error = document.get("error")
        found = error.get("message") if isinstance(error, dict) else found or error
    if isinstance(found, list) and found and isinstance(found[0], dict):
        where = ".".join(str(part) for part in _loc(found[0]))
        found = f"{where}: {found[0].get('msg', '')}"
    return found[:_LONGEST] if isinstance(found, str) and found else "no words"


def _problems(reply: Reply, said: str) -> list[Problem]:
    document = reply.document if isinstance(reply.document, dict) else {}
    detail, error = document.get("detail"), document.get("error")
    if isinstance(detail, list):
        return [_problem(item) for item in detail if isinstance(item, dict)]
    if isinstance(error, dict):
        param = error.get("param")
        loc = ("body", *str(param).split(".")) if param else ("body",)
        return [Problem(loc, said, str(error.get("code") or error.get("type") or "value_error"))]
    return [Problem(("body",), said, str(document.get("error_type") or "value_error"))]


def _problem(item: dict[str, Any]) -> Problem:
    context = item.get("ctx")
    return Problem(
        _loc(item),
        str(item.get("msg", "")),
        str(item.get("type", "value_error")),
        context if isinstance(context, dict) else {},
        item.get("input"),
    )


def _loc(item: dict[str, Any]) -> tuple[str | int, ...]:
    loc = item.get("loc")
    found = loc if isinstance(loc, list) else ["body"]
    return tuple(part if isinstance(part, int) else str(part) for part in found)
