"""Lets pages of any origin call the paths whose dialects say so.

No credentials are allowed and no cookie is ever set: a page can only use a key it was given.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handlers.site import path_of

METHODS = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
USUAL_HEADERS = "authorization, content-type, accept, idempotency-key"
EXPOSED = (
    "x-request-id, x-fal-request-id, x-fal-request-timeout-type, x-fal-error-type, etag, "
    "content-disposition, content-range, accept-ranges, retry-after, x-should-retry, "
    "ratelimit-limit, ratelimit-remaining, ratelimit-reset, x-ratelimit-limit-requests, "
    "x-ratelimit-remaining-requests, x-ratelimit-reset-requests"
)
PREFLIGHT_S = 86400


class Cors:
    """Pure ASGI, so that a stream passes through unbuffered."""

    def __init__(self, app: ASGIApp, prefixes: Iterable[str]) -> None:
        self._app = app
        self._prefixes = tuple(prefixes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not path_of(scope).startswith(self._prefixes):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS":
            await _preflight(headers)(scope, receive, send)
            return

        async def opened(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["access-control-allow-origin"] = "*"
                answer["access-control-expose-headers"] = EXPOSED
            await send(message)

        await self._app(scope, receive, opened if "origin" in headers else send)


def _preflight(headers: Headers) -> Response:
    wanted = headers.get("access-control-request-headers") or USUAL_HEADERS
    response = Response(
        status_code=204,
        headers={
            "access-control-allow-origin": "*",
            "access-control-allow-methods": METHODS,
            # Named one by one: `*` does not cover Authorization.
            "access-control-allow-headers": wanted,
            "access-control-max-age": str(PREFLIGHT_S),
            "vary": "access-control-request-headers",
            "allow": METHODS,
        },
    )
    if headers.get("access-control-request-private-network") == "true":
        # Some browsers ask before a public page may call this machine or its network.
        response.headers["access-control-allow-private-network"] = "true"
    return response
