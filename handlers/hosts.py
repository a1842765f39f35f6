"""Requests that were meant for a vendor's host, led to the prefix where we serve it.

Two ways in: the Host header is the vendor's (somebody's resolver or proxy points it here), or a
client that only knows one URL names the real one in a header (the JavaScript client's
``proxyUrl``). Either way the path is rewritten and the same app goes on: no second request.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from handlers.dialect import Dialect
from handlers.site import FOREIGN_HOSTS, path_of


class Hosts:
    """Pure ASGI; a request for none of the hosts passes untouched."""

    def __init__(self, app: ASGIApp, dialects: Iterable[Dialect]) -> None:
        self._app = app
        self._hosts: dict[str, str] = {}
        self._relays: dict[str, bytes] = {}
        for dialect in dialects:
            self._hosts |= dialect.hosts
            self._relays |= {path: name.encode() for path, name in dialect.relays.items()}
        self._foreign = {prefix: host for host, prefix in self._hosts.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            scope = self._led(scope)
        await self._app(scope, receive, send)

    def _led(self, scope: Scope) -> Scope:
        header = self._relays.get(path_of(scope))
        if header is not None:
            return self._relayed(scope, _header(scope, header))
        host = _header(scope, b"host").rpartition(":")[0] or _header(scope, b"host")
        prefix = self._hosts.get(host.lower())
        if prefix is None:
            return scope
        return {**_moved(scope, prefix, path_of(scope)), FOREIGN_HOSTS: self._foreign}

    def _relayed(self, scope: Scope, target: str) -> Scope:
        """Untouched when the target is none of ours: the route at that path then says so."""
        try:
            url = urlsplit(target)
        except ValueError:
            return scope
        prefix = self._hosts.get((url.hostname or "").lower())
        if prefix is None or url.scheme not in {"http", "https"}:
            return scope
        moved = _moved(scope, prefix, unquote(url.path))
        return {**moved, "query_string": url.query.encode()}


def _moved(scope: Scope, prefix: str, path: str) -> Scope:
    whole = f"{scope.get('root_path', '')}{prefix}{path}"
    return {**scope, "path": whole, "raw_path": whole.encode()}


def _header(scope: Scope, name: bytes) -> str:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for key, value in headers if key == name), "")
