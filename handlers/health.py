"""Whether the process lives, and whether it may be sent work."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers.services import ask, services_of
from pilotlight.bootstrap.ingress import Services
from pilotlight.observability.logs import failure

_NOBODY = "nobody"
"""A job that is not there."""


async def alive(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """200 when the store answers, there is a worker and, where rows and files are on this machine,
    its disk has room; else 503 that says what is missing.
    """
    services = services_of(request)
    checks = {
        "store": await ask(services, _store, services),
        "catalogue": None if services.catalogue.endpoints else "no worker serves any endpoint",
    }
    if services.disk_trouble is not None:
        checks["disk"] = services.disk_trouble()
    troubles = {name: trouble for name, trouble in checks.items() if trouble}
    if troubles:
        return JSONResponse({"status": "not ready", "not_ready": troubles}, 503)
    return JSONResponse({"status": "ready", "checks": sorted(checks)})


def _store(services: Services) -> str | None:
    try:
        services.store.get(_NOBODY)  # one read, since nobody has to show a key to ask for it
    except Exception:  # noqa: BLE001 - whatever an adapter raises, the answer is: not ready
        failure("health.store_failed")
        return "the job table does not answer"
    return None


ROUTES = [Route("/healthz", alive), Route("/readyz", ready)]
