"""The public keys that check our webhooks' signatures."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers.services import services_of

PATH = "/.well-known/jwks.json"
CACHE_S = 3600
"""Receivers may keep our keys for a day at most; a rotation is then seen everywhere in time."""


async def jwks(request: Request) -> Response:
    return JSONResponse(
        services_of(request).signer.jwks(),
        headers={"cache-control": f"public, max-age={CACHE_S}"},
    )


ROUTES = [Route(PATH, jwks)]
