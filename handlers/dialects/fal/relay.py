"""What ``proxyUrl`` points to: one URL for every call, the real one in a header.

:mod:`handlers.hosts` leads the requests on; what still arrives here named no host of fal's.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from handlers.dialect import speaks
from handlers.dialects.fal import errors
from pilotlight.errors import PilotlightError

PATH = "/api/fal/proxy"
HEADER = "x-fal-target-url"


class NoSuchTarget(PilotlightError):
    code = "bad_request"
    http_status = 400


@speaks(errors.render)
async def refuse(request: Request) -> Response:
    given = request.headers.get(HEADER)
    if given is None:
        raise NoSuchTarget(f"Invalid request: the header {HEADER} is missing")
    raise NoSuchTarget(f"Invalid request: {HEADER} must be an http(s) URL on one of fal's hosts")


ROUTES = [Route(PATH, refuse, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]
