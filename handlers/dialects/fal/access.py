"""Who may call which endpoint: a key, or on a socket or stream a token in the URL."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import HTTPConnection

from handlers.auth import caller_of
from handlers.dialects.fal import paths, tokens
from handlers.dialects.fal.paths import Target
from handlers.services import services_of
from pilotlight.errors import UnknownEndpoint


class Admitted(NamedTuple):
    caller: str
    target: Target


async def admitted(connection: HTTPConnection, *, suffix: str) -> Admitted:
    """Raises Unauthenticated, and UnknownEndpoint only to those who have a key, or its token for
    an app of that very name.

    A page with a token may only do what the suffix stands for, ``stream`` or ``realtime``; a
    socket stands for that by itself, on whatever path of the endpoint it was opened.
    """
    services, path = services_of(connection), connection.path_params["path"]
    token = connection.query_params.get(tokens.PARAMETER)
    caller = await caller_of(connection, "jobs:write") if token is None else None
    try:
        target = paths.target_of(path, services.catalogue, suffix=suffix)
    except UnknownEndpoint:
        if token is not None:
            tokens.caller_for(services, token, path)
        raise
    if token is not None and (target.by_suffix or connection.scope["type"] == "websocket"):
        caller = tokens.caller_for(services, token, target.endpoint)
    return Admitted(caller or await caller_of(connection, "jobs:write"), target)
