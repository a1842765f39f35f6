"""fal's headers and query parameters as wishes of our own: a Submission.

``x-fal-runner-hint`` is taken and means nothing: a worker's replicas are all alike.
"""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request

from handlers.dialects.fal.paths import Target
from handlers.dialects.fal.retries import HEADER as RETRY_CONFIG
from handlers.dialects.fal.retries import retries_of
from handlers.dialects.fal.tags import HEADER as TAGS
from handlers.dialects.fal.tags import tags_of
from handlers.outcome import inline_wish
from handlers.receiver import receiver
from handlers.site import base_url
from pilotlight.contracts.job import LOW_PRIORITY, NORMAL_PRIORITY
from pilotlight.errors import InvalidInput, Problem
from pilotlight.intake.submission import Submission

DIALECT_NAME = "fal"
CDN, QUEUE, REST, RUN = "/cdn", "/queue", "/rest", "/run"
"""Where fal's four hosts are served here."""
UNSTORED_S = 3600.0
"""How long a job with ``x-fal-store-io: 0`` is remembered: long enough to read its result."""
MIN_TIMEOUT_S = 0.1
_PRIORITIES = {"normal": NORMAL_PRIORITY, "low": LOW_PRIORITY}
_YES = frozenset({"1", "true", "yes"})
_LIFECYCLE = ("x-fal-object-lifecycle-preference", "x-fal-object-lifecycle")
_OWN_PARAMETERS = frozenset({"fal_webhook", "fal_max_queue_length", "fal_jwt_token", "logs"})


def submission(
    request: HTTPConnection, caller: str, target: Target, body: bytes, *, streaming: bool = False
) -> Submission:
    """Raises InvalidInput that names the header or parameter that is wrong."""
    headers, query = request.headers, request.query_params
    return Submission(
        caller=caller,
        endpoint=target.endpoint,
        body=body,
        origin=DIALECT_NAME,
        options=inline_wish(body),
        base_url=base_url(request, CDN),
        priority=_priority(headers),
        start_timeout_s=start_timeout_s(headers),
        webhook=receiver(query.get("fal_webhook"), "query", "fal_webhook"),
        idempotency_key=headers.get("idempotency-key"),
        max_queue=_max_queue(query.get("fal_max_queue_length")),
        tags=tags_of(headers.get(TAGS)),
        may_retry=not yes(headers.get("x-fal-no-retry")),
        retries=retries_of(headers.get(RETRY_CONFIG)),
        streaming=streaming,
        artifact_ttl_s=lifetime_s(headers),
        keep_s=UNSTORED_S if headers.get("x-fal-store-io", "1").strip() == "0" else None,
    )


def yes(text: str | None) -> bool:
    return (text or "").strip().lower() in _YES


def query_as_body(request: Request) -> bytes:
    """The input of a GET: every value is text, and the endpoint's contract reads it as it may."""
    found: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in _OWN_PARAMETERS:
            continue
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return json.dumps(found).encode()


def start_timeout_s(headers: Headers) -> float | None:
    name = "x-fal-request-timeout"
    text = headers.get(name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        raise _bad(("header", name), "must be a number of seconds", "float_parsing", text) from None
    if not (math.isfinite(seconds) and seconds > MIN_TIMEOUT_S):
        raise _bad(
            ("header", name),
            f"must be greater than {MIN_TIMEOUT_S} seconds",
            "greater_than",
            text,
            gt=MIN_TIMEOUT_S,
        )
    return seconds


def lifetime_s(headers: Headers) -> float | None:
    """How long a file is kept, in seconds; None for as long as we like.

    Both of the clients' headers say the same. ``null`` and 0 mean never; an access list
    (``initial_acl``) is not looked at, because our file URLs are already secrets.
    """
    name = next((name for name in _LIFECYCLE if name in headers), None)
    if name is None:
        return None
    text = headers[name]
    try:
        seconds = json.loads(text).get("expiration_duration_seconds")
    except (ValueError, AttributeError, RecursionError):
        raise _bad(("header", name), "must be a JSON object", "json_invalid", text) from None
    if not seconds:
        return None
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not 0 < seconds < math.inf:
        raise _bad(
            ("header", name),
            "expiration_duration_seconds must be a positive number",
            "greater_than",
            text,
            gt=0,
        )
    return float(seconds)


def _priority(headers: Headers) -> int:
    name = "x-fal-queue-priority"
    text = headers.get(name, "normal")
    try:
        return _PRIORITIES[text.strip().lower()]
    except KeyError:
        expected = "'normal' or 'low'"
        raise _bad(
            ("header", name), f"must be {expected}", "enum", text, expected=expected
        ) from None


def _max_queue(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise _bad(
            ("query", "fal_max_queue_length"),
            "must be a whole number, 0 or more",
            "int_parsing",
            text,
        )
    return int(text)


def _bad(
    loc: tuple[str, str], message: str, kind: str, given: str, **context: object
) -> InvalidInput:
    problem = Problem(loc, message, kind, context, given[:500])
    return InvalidInput(f"{loc[1]} {message}", problem)
