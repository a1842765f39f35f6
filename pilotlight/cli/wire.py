"""One HTTP exchange with an ingress, from the standard library.

A command line that starts at once cannot wait for an HTTP library. It is no part of the server:
what an ingress or a replica fetches goes through the guard.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urljoin, urlsplit

from pilotlight.cli.exits import Unreachable
from pilotlight.errors import (
    BacklogFull,
    BodyTooLarge,
    InvalidInput,
    NotFound,
    PilotlightError,
    Unauthenticated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMEOUT_S: Final = 60.0
"""Silence after which a connection counts as dead: streams say something every 15 seconds."""
_MOVED: Final = {301, 302, 307, 308}
_REFUSALS: Final[dict[int, type[PilotlightError]]] = {
    401: Unauthenticated,
    403: Unauthenticated,
    404: NotFound,
    413: BodyTooLarge,
    422: InvalidInput,
    429: BacklogFull,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer whose body is still to be read; reading raises Unreachable."""

    origin: str
    response: http.client.HTTPResponse

    def read(self, size: int | None = None) -> bytes:
        with _reaching(self.origin):
            return self.response.read(size)

    def line(self) -> bytes:
        with _reaching(self.origin):
            return self.response.readline()


@contextlib.contextmanager
def exchange(
    method: str, url: str, *, body: Any = None, headers: Mapping[str, str], hops: int = 0
) -> Iterator[Answer]:
    """Raises Unreachable, or for a status of 300 and more what it stands for.

    ``hops``: how often to go where the server sends us, with the same headers.
    """
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    target = quote(parts.path or "/", safe="/%:@") + (f"?{parts.query}" if parts.query else "")
    with contextlib.closing(_connection(parts.scheme, parts.netloc)) as connection:
        with _reaching(origin):
            connection.request(method, target, body=body, headers=dict(headers))
            response = connection.getresponse()
            refused = response.read() if response.status >= 300 else b""
        moved_to = response.getheader("location") if response.status in _MOVED else None
        if moved_to and hops:
            there = urljoin(url, moved_to)
            with exchange(method, there, body=body, headers=headers, hops=hops - 1) as answer:
                yield answer
            return
        if response.status >= 300:
            raise refusal(response.status, refused)
        yield Answer(origin, response)


def _connection(scheme: str, place: str) -> http.client.HTTPConnection:
    if scheme == "http" and place:
        return http.client.HTTPConnection(place, timeout=TIMEOUT_S)
    if scheme == "https" and place:
        # The default context reads SSL_CERT_FILE, where `pilotlight up`'s own authority may stand.
        return http.client.HTTPSConnection(
            place, timeout=TIMEOUT_S, context=ssl.create_default_context()
        )
    raise InvalidInput("--url takes http://HOST:PORT or https://HOST")


@contextlib.contextmanager
def _reaching(origin: str) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise Unreachable(f"nothing answers at {origin} ({why})") from None


def refusal(status: int, body: bytes) -> PilotlightError:
    """The error that an answer stands for, in the server's own words."""
    kind = _REFUSALS.get(status, PilotlightError)
    said = words(body) or f"the server answered {status}"
    return kind(f"{said} (--key or PILOTLIGHT_KEY)" if kind is Unauthenticated else said)


def words(body: bytes) -> str:
    """What an error body says: its ``detail``, a sentence or a list of problems with fields, or
    the ``message`` of its ``error``.
    """
    try:
        said = json.loads(body)
        detail = said["detail"] if "detail" in said else said["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip()[:500]
    if isinstance(detail, list):
        return "; ".join(_problem(item) for item in detail)
    return str(detail)


def _problem(item: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in item.get("loc", ())[1:])
    return f"{place}: {item.get('msg', '')}" if place else str(item.get("msg", ""))
