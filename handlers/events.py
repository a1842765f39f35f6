"""``POST /events``: an event as its origin would hand it to a Lambda, for whoever has a key.

Local mode has no Lambda; this is the same code on the same event.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers import limits
from handlers.auth import caller_of
from handlers.bodies import whole
from handlers.dialect import speaks
from handlers.services import services_of
from handlers.source import Refused, take
from pilotlight.contracts.job import Job
from pilotlight.errors import InvalidInput, MalformedBody, PilotlightError


def _render(error: PilotlightError) -> Response:
    problems = error.problems if isinstance(error, InvalidInput) else ()
    detail = [{"loc": list(p.loc), "msg": p.message, "type": p.type} for p in problems]
    body = {"code": error.code, "message": str(error), "detail": detail}
    headers = limits.headers_of(error) if error.http_status == 429 else None
    return JSONResponse(body, error.http_status, headers=headers)


@speaks(_render)
async def events(request: Request) -> Response:
    """202 and a line per job; a wish that was refused says why in its line."""
    services = services_of(request)
    caller = await caller_of(request, "jobs:write")
    body = await whole(request, max_bytes=services.settings.ingress.max_body_bytes)
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedBody("the event is not JSON") from None
    if not isinstance(event, dict):
        raise MalformedBody("the event is not a JSON object")
    outcome = await take(services, request.app.state.sources, event, caller=caller)
    return JSONResponse({"jobs": [_line(one) for one in outcome]}, 202)


def _line(one: Job | Refused) -> dict[str, Any]:
    if isinstance(one, Refused):
        said = {"code": one.error.code, "message": str(one.error)}
        return {"endpoint": one.wish.endpoint, "key": one.wish.key, "error": said}
    key = one.idempotency_key
    return {"id": one.id, "endpoint": one.endpoint, "key": key, "status": str(one.status)}


ROUTES = [Route("/events", events, methods=["POST"])]
