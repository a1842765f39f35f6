"""``/metrics`` for Prometheus: to whoever is on this machine, else to who has the token."""

from __future__ import annotations

import asyncio
import hmac
import threading
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from handlers.measuring import Measure, Totals
from handlers.services import services_of
from pilotlight.bootstrap.ingress import Services
from pilotlight.observability.metrics import prometheus
from pilotlight.settings import is_here

_TYPE: Final = "text/plain; version=0.0.4"
_FRESH_S: Final = 1.0
"""However many ask, the rows are looked at no more often."""
_HERE: Final = ("127.0.0.1", "::1")


class Told:
    """What was told last, and the counters behind it. Any thread may ask."""

    def __init__(self, services: Services) -> None:
        self._totals, self._clock = Totals(Measure(services)), services.clock
        self._lock = threading.Lock()
        self._text, self._at = "", float("-inf")

    def __call__(self) -> str:
        with self._lock:
            if self._clock.monotonic() >= self._at + _FRESH_S:
                self._text = prometheus(self._totals(self._clock.now()))
                self._at = self._clock.monotonic()
            return self._text


async def metrics(request: Request) -> Response:
    """The figures of the whole deployment: they are its owner's, not a caller's."""
    services = services_of(request)
    if not _may_see(request, services):
        words = "give the token that PILOTLIGHT_INGRESS__METRICS_TOKEN is set to"
        return PlainTextResponse(words, 401, {"WWW-Authenticate": "Bearer"})
    told: Told | None = getattr(request.app.state, "told", None)
    if told is None:
        told = request.app.state.told = Told(services)
    text = await asyncio.to_thread(told) if services.store.remote else told()
    return PlainTextResponse(text, media_type=_TYPE)


def _may_see(request: Request, services: Services) -> bool:
    token = services.settings.ingress.metrics_token
    if token is None:
        here = request.client is not None and request.client.host in _HERE
        proxied = any("forwarded" in name for name in request.headers)  # it speaks for others
        local = services.settings.mode == "local"
        return here and not proxied and local and _is_meant(request.headers.get("host", ""))
    given = request.headers.get("authorization", "")
    wanted = f"Bearer {token.get_secret_value()}"
    return hmac.compare_digest(given.encode(), wanted.encode())


def _is_meant(host: str) -> bool:
    """Whether the request names this machine. A page in a browser here may have a name of its own
    that leads to 127.0.0.1, and would read the answer as its own site's."""
    try:
        return is_here(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


ROUTES = [Route("/metrics", metrics)]
