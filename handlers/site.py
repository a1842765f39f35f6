"""This ingress as the caller sees it: whatever URL we give out must work for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection

FOREIGN_HOSTS = "pilotlight.hosts"
"""In a scope that came in on a vendor's host: our prefixes, each with the host it is served on."""
_SCHEMES = {"ws": "http", "wss": "https"}


def base_url(request: HTTPConnection, prefix: str = "") -> str:
    """The URL of one of our prefixes (``/queue``), without a slash at its end.

    A request to ``https://queue.fal.run`` reads ``https://queue.fal.run`` for ``/queue``, one to
    ``http://127.0.0.1:8000`` reads ``http://127.0.0.1:8000/queue``.
    """
    scope = request.scope
    scheme = _SCHEMES.get(scope["scheme"], scope["scheme"])
    host = request.headers.get("host") or _server(scope)
    foreign: Mapping[str, str] = scope.get(FOREIGN_HOSTS, {})
    if prefix in foreign:
        return f"{scheme}://{foreign[prefix]}{_port(host)}"
    return f"{scheme}://{host}{scope.get('root_path', '')}{prefix}"


def path_of(scope: Mapping[str, Any]) -> str:
    """The path as our routes know it, without the prefix that a proxy in front put before it."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _server(scope: Mapping[str, Any]) -> str:
    host, port = scope.get("server") or ("localhost", None)
    return f"{host}:{port}" if port else str(host)


def _port(host: str) -> str:
    _, colon, port = host.rpartition(":")
    return f":{port}" if colon and port.isdigit() else ""
