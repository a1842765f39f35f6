"""``/api/keys``: one's own keys, for a key with the scope ``keys:manage``.

A key can make others that may do no more than itself, for the same caller, under the same quotas.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from handlers import envelope
from handlers.auth import caller_of
from handlers.dialect import speaks
from handlers.dialects.native import errors
from handlers.dialects.native.wishes import KeyWish, RotateWish
from handlers.moments import iso
from handlers.services import ask, services_of
from pilotlight.intake.keyring import Keyring
from pilotlight.intake.keys import Known
from pilotlight.intake.scopes import SCOPES, USUAL, read
from pilotlight.ports.keys import KeyRecord

PATH: Final = "/api/keys"


@speaks(errors.render)
async def listed(request: Request) -> Response:
    """Newest first, ended ones too; never the keys themselves."""
    services, by = services_of(request), await _holder(request)
    found = await ask(services, _ring(request).listed, by.caller)
    now = services.clock.now()
    return JSONResponse({"keys": [_shape(record, now) for record in found]})


@speaks(errors.render)
async def make(request: Request) -> Response:
    services, by = services_of(request), await _holder(request)
    wish = await envelope.opened(request, KeyWish)
    scopes = [one for one in USUAL if one in by.scopes] if wish.scopes is None else wish.scopes
    text, record = await ask(
        services,
        _ring(request).make,
        by,
        name=wish.name,
        scopes=scopes,
        expires_at=_end(request, wish.expires_in_s),
    )
    return _shown(request, text, record)


@speaks(errors.render)
async def rotate(request: Request) -> Response:
    """A key like the old one, which goes on for a while."""
    services, by = services_of(request), await _holder(request)
    wish = await envelope.opened(request, RotateWish)
    text, record = await ask(
        services,
        _ring(request).rotate,
        by,
        request.path_params["key_id"],
        overlap_s=wish.overlap_s,
        expires_at=_end(request, wish.expires_in_s),
    )
    return _shown(request, text, record)


@speaks(errors.render)
async def revoke(request: Request) -> Response:
    """Every ingress refuses it within 30 seconds."""
    services, by = services_of(request), await _holder(request)
    record = await ask(services, _ring(request).revoke, by, request.path_params["key_id"])
    return JSONResponse(_shape(record, services.clock.now()))


async def _holder(request: Request) -> Known:
    """Who asks, and what their key may do."""
    await caller_of(request, "keys:manage")
    services, header = services_of(request), request.headers.get("authorization")
    known = services.authenticate.remembered(header)
    return await ask(services, services.authenticate, header) if known is None else known


def _ring(request: Request) -> Keyring:
    services = services_of(request)
    return Keyring(services.keys, services.clock, services.pepper)


def _end(request: Request, seconds: float | None) -> float | None:
    return None if seconds is None else services_of(request).clock.now() + seconds


def _shown(request: Request, text: str, record: KeyRecord) -> Response:
    shape = _shape(record, services_of(request).clock.now())
    return JSONResponse({**shape, "key": text}, 201, headers={"cache-control": "no-store"})


def _shape(record: KeyRecord, now: float) -> dict[str, Any]:
    expired = record.expires_at is not None and record.expires_at <= now
    state = "revoked" if record.revoked_at is not None else "expired" if expired else "live"
    return {
        "id": record.id,
        "name": record.name,
        "scopes": [scope for scope in SCOPES if scope in read(record.scopes)],
        "state": state,
        "created_at": iso(record.created_at),
        "expires_at": iso(record.expires_at),
        "revoked_at": iso(record.revoked_at),
        "last_used_at": iso(record.last_used_at),
    }


ROUTES = (
    Route(PATH, listed, methods=["GET"]),
    Route(PATH, make, methods=["POST"]),
    Route(PATH + "/{key_id}/rotate", rotate, methods=["POST"]),
    Route(PATH + "/{key_id}", revoke, methods=["DELETE"]),
)
