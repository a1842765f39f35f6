"""Takes the trace that a request brings into everything that is done for it."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from pilotlight.observability import trace

_NAMES: Final = (trace.HEADER.encode(), trace.XRAY_HEADER.encode())


class Tracing:
    """Pure ASGI. A request without such a header costs a look at the names of its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            found = {name: value for name, value in scope["headers"] if name in _NAMES}
            if found:
                w3c, xray = (found.get(name, b"").decode("latin-1") for name in _NAMES)
                trace.current.set(trace.read(w3c, xray))
        await self._app(scope, receive, send)
