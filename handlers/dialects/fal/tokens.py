"""``POST /tokens/``: a token for a page that must not have the key."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers.auth import caller_of, counted
from handlers.bodies import whole
from handlers.dialect import speaks
from handlers.dialects.fal import errors, paths
from handlers.dialects.fal.wishes import REST
from handlers.services import services_of
from pilotlight.bootstrap.ingress import Services
from pilotlight.errors import InvalidInput, MalformedBody, Problem

PARAMETER = "fal_jwt_token"
DEFAULT_S = 120
"""What both clients ask for."""
_MOST_APPS = 100


@speaks(errors.render)
async def mint(request: Request) -> Response:
    """The reply is a JSON string, which is what both clients expect."""
    caller = await caller_of(request, "jobs:write")
    asked = await _asked(request)
    return JSONResponse(_minted(request, caller, asked.get("allowed_apps"), asked))


@speaks(errors.render)
async def mint_for_page(request: Request) -> Response:
    """``/tokens/realtime``, which the servers of pages call.

    fal itself takes ``app`` and answers with a JSON string; its documentation sends
    ``allowed_apps`` and reads ``token`` of an object. Both get what they expect.
    """
    caller = await caller_of(request, "jobs:write")
    asked = await _asked(request)
    if "app" in asked:
        return JSONResponse(_minted(request, caller, [asked["app"]], asked, field="app"))
    return JSONResponse({"token": _minted(request, caller, asked.get("allowed_apps"), asked)})


async def _asked(request: Request) -> dict[str, Any]:
    return json_object(await whole(request, max_bytes=64 * 1024))


def _minted(
    request: Request,
    caller: str,
    apps: Any,
    asked: dict[str, Any],
    *,
    field: str = "allowed_apps",
) -> str:
    name = "duration" if "duration" in asked else "token_expiration"
    seconds = asked.get(name, DEFAULT_S)
    if not (
        isinstance(apps, list)
        and 0 < len(apps) <= _MOST_APPS
        and all(isinstance(app, str) and app and " " not in app for app in apps)
    ):
        expected = "an app's name" if field == "app" else "a list of app names"
        raise _bad(field, f"must be {expected}", apps)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise _bad(name, "must be a number of seconds", seconds)
    scope = " ".join(_scope(app) for app in apps)
    return services_of(request).tokens.mint(caller, scope, seconds)


def caller_for(services: Services, token: str, endpoint: str) -> str:
    """Whom a token in a URL stands for. Raises Unauthenticated if it is not for this endpoint."""
    return counted(services, verified(services, token, endpoint))


def verified(services: Services, token: str, endpoint: str) -> str:
    """The same, for a request that was counted already."""
    return services.tokens.verify(token, _scope(paths.app_of(endpoint)))


def _scope(app: str) -> str:
    """Clients name an app by its alias alone: ``flux`` for ``fal-ai/flux/dev``."""
    return "app:" + paths.app_of(app).rpartition("/")[2]


def json_object(body: bytes) -> dict[str, Any]:
    """The body of one of fal's own calls; nothing at all reads as ``{}``."""
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise MalformedBody("the body is not JSON") from None
    if not isinstance(found, dict):
        raise InvalidInput("the body must be an object")
    return found


def _bad(name: str, message: str, given: object) -> InvalidInput:
    return InvalidInput(
        f"{name} {message}", Problem(("body", name), message, "value_error", given=given)
    )


ROUTES = [
    Route(REST + "/tokens/", mint, methods=["POST"]),
    Route(REST + "/tokens", mint, methods=["POST"]),
    Route(REST + "/tokens/realtime", mint_for_page, methods=["POST"]),
]
