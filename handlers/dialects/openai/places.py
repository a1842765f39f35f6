"""Where OpenAI's paths are served: below both of its prefixes."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from handlers.dialect import Endpoint
from handlers.dialects.openai.errors import REQUEST_ID, own_id

DIALECT_NAME = "openai"
PREFIXES = ("/v1", "/openai/v1")


def at(
    path: str, endpoint: Endpoint, *methods: str, prefixes: Sequence[str] = PREFIXES
) -> Sequence[BaseRoute]:
    known = _identified(endpoint)
    return [Route(prefix + path, known, methods=methods) for prefix in prefixes]


def _identified(endpoint: Endpoint) -> Endpoint:
    """Every answer has an id that its reader can quote; that of a job is the job's own."""

    @functools.wraps(endpoint)
    async def answer(request: Request) -> Response:
        response = await endpoint(request)
        if REQUEST_ID not in response.headers:
            response.headers[REQUEST_ID] = own_id()
        return response

    return answer


def prefix_of(path: str) -> str:
    """The prefix that a request came in by: what we give out stays below it."""
    return next((one for one in reversed(PREFIXES) if path.startswith(one + "/")), PREFIXES[0])
