"""The HTTP way in: one ASGI app, every dialect in it.

``create_app(services)`` returns it; the server's lifespan opens and closes the ear through which
replicas announce changes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from handlers import batching, events, files, health, jwks, metrics, openapi, source, welcome
from handlers.cors import Cors
from handlers.dialect import Dialect, found
from handlers.hosts import Hosts
from handlers.made_once import MadeOnce
from handlers.site import path_of
from handlers.switch import Switch
from handlers.tracing import Tracing
from pilotlight.bootstrap.ingress import Services


def create_app(services: Services, dialects: Mapping[str, Dialect] | None = None) -> Starlette:
    """Raises SettingsError when a dialect or an event source breaks the rules of the scan."""
    dialects = found() if dialects is None else dialects

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        services.watch.open(loop)
        try:
            yield
        finally:
            services.watch.close(loop)

    routes = [
        *(route for dialect in dialects.values() for route in dialect.routes),
        *events.ROUTES,
        *files.ROUTES,
        *health.ROUTES,
        *jwks.ROUTES,
        *metrics.ROUTES,
        *openapi.ROUTES,
        *welcome.ROUTES,
    ]
    app = Starlette(
        middleware=[
            Middleware(Tracing),
            Middleware(Hosts, dialects=tuple(dialects.values())),
            Middleware(Cors, prefixes=_open_to_browsers(dialects)),
        ],
        exception_handlers={HTTPException: _no_route},
    )
    app.router = Switch(routes, lifespan=lifespan)
    app.state.services, app.state.dialects = services, dialects
    app.state.sources, app.state.made_once = source.found(), MadeOnce()
    batching.teach(services, dialects.values())
    return app


def _open_to_browsers(dialects: Mapping[str, Dialect]) -> list[str]:
    own = ["/files/", "/.well-known/"]
    return own + [prefix for dialect in dialects.values() for prefix in dialect.open_to_browsers]


def _meant(request: Request, path: str) -> str | None:
    """Where that is which was asked for without the beginning of its path, such as ``/v1``."""
    if request.app.state.services.catalogue.knows(path.strip("/")):
        return f"/run/{path.strip('/')}"
    known = (getattr(route, "path", "") for route in request.app.router.routes)
    ends = f"/{path.strip('/')}"
    return min((one for one in known if one.endswith(ends)), key=len, default=None)


async def _no_route(asked: Any, error: Exception) -> Any:  # Starlette's type has one kind or other
    """A socket is answered as a GET of its path would be."""
    assert isinstance(error, HTTPException)
    if isinstance(asked, WebSocket):
        request = Request({**asked.scope, "type": "http", "method": "GET"})
        return await asked.send_denial_response(_refusal(request, error))
    return _refusal(asked, error)


def _refusal(request: Request, error: HTTPException) -> Response:
    path = path_of(request.scope)
    for dialect in request.app.state.dialects.values():
        if dialect.unserved is not None and path.startswith(dialect.open_to_browsers):
            return dialect.unserved(request, error)  # type: ignore[no-any-return]
    text = error.detail
    if error.status_code == 404:
        near = _meant(request, path)
        text = f"nothing is served here; did you mean {near}?" if near else "nothing is served here"
    # Each client looks for the words elsewhere: fal's, ours, OpenAI's.
    said = {"detail": text, "message": text, "error": {"message": text}}
    body = {**said, "method": request.method, "path": request.url.path}
    return JSONResponse(body, error.status_code, headers=error.headers)
