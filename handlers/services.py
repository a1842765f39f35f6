"""How a route reaches the wired services."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from starlette.requests import HTTPConnection

from pilotlight.bootstrap.ingress import Services

P = ParamSpec("P")
T = TypeVar("T")


def services_of(request: HTTPConnection) -> Services:
    services: Services = request.app.state.services
    return services


async def ask(
    services: Services, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call something that reads or writes rows.

    In place when the store is on this machine: it answers in microseconds, a thread costs more.
    """
    if services.store.remote:
        return await asyncio.to_thread(function, *args, **kwargs)
    return function(*args, **kwargs)
