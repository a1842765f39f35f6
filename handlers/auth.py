"""Who sent this request, and whether they may."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from handlers.services import ask, services_of
from pilotlight.bootstrap.ingress import Services
from pilotlight.intake import scopes
from pilotlight.intake.scopes import Scope


async def caller_of(request: HTTPConnection, scope: Scope) -> str:
    """The owner of the key in the Authorization header, whose quota has room for this request.

    Raises Unauthenticated, RateLimited, and Unauthorised for a key without the scope.
    """
    services = services_of(request)
    header = request.headers.get("authorization")
    known = services.authenticate.remembered(header)
    if known is None:
        known = await ask(services, services.authenticate, header)
    services.quotas.learn(known.caller, known.limits)
    services.quotas.request(known.caller)
    scopes.require(scope, known.scopes)
    return known.caller


def counted(services: Services, caller: str) -> str:
    """The same caller, let in by a token: its requests count like the key's. Raises RateLimited."""
    services.quotas.request(caller)
    return caller
