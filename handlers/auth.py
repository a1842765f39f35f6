"""Who sent this request."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from handlers.services import ask, services_of


async def caller_of(request: HTTPConnection) -> str:
    """The owner of the key in the Authorization header. Raises Unauthenticated."""
    services = services_of(request)
    header = request.headers.get("authorization")
    remembered = services.authenticate.remembered(header)
    if remembered is not None:
        return remembered
    return await ask(services, services.authenticate, header)
