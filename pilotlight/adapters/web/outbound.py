"""One guarded question and its answer: what the fetcher and the poster are made of.

Proxies named by the environment are never used, redirects never followed, replies never
decompressed. httpcore and the certificates are loaded by the first request, so that a process
that never asks anything does not pay for them.
"""

from __future__ import annotations

import functools
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.adapters.web.reasons import failed
from pilotlight.adapters.web.resolve import Resolve, by_the_system

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpcore

    from pilotlight.adapters.web.connect import Dial
    from pilotlight.adapters.web.guard import Policy, Target
    from pilotlight.adapters.web.patience import Patience


@functools.cache
def public_certificates() -> ssl.SSLContext:
    """The system's authorities and, for images that have none, Mozilla's."""
    import certifi  # noqa: PLC0415 - comes with httpcore, loaded with it

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class Answer:
    """A reply's head, and its body as it arrives. Names of headers are lower-case."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response
        self.status: int = response.status
        self.headers: dict[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers
        }

    def chunks(self) -> Iterator[bytes]:
        """The body, decoded from chunks but never decompressed. Raises FetchFailed."""
        with _translated():
            yield from self._response.iter_stream()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """The way out, with its rules."""

    policy: Policy
    resolve: Resolve = by_the_system
    dial: Dial | None = None
    tls: ssl.SSLContext | None = None
    """Trust these authorities instead of the public ones."""

    @contextmanager
    def ask(
        self,
        method: str,
        target: Target,
        patience: Patience,
        *,
        headers: Mapping[str, str],
        body: bytes | Iterator[bytes] = b"",
    ) -> Iterator[Answer]:
        """Ask once, over a connection of its own. Raises FetchFailed.

        A body that comes in pieces wants its ``Content-Length`` among the headers.
        """
        import httpcore  # noqa: PLC0415 - see above

        from pilotlight.adapters.web import connect  # noqa: PLC0415 - imports httpcore

        backend = connect.GuardedBackend(
            target,
            self.policy,
            patience,
            resolve=self.resolve,
            dial=self.dial or connect.dial_tcp,
        )
        secure = target.scheme == "https"
        connection = httpcore.HTTPConnection(
            httpcore.Origin(target.scheme.encode(), target.host.encode(), target.port),
            ssl_context=(self.tls or public_certificates()) if secure else None,
            network_backend=backend,
        )
        url = httpcore.URL(
            scheme=target.scheme, host=target.host, port=target.port, target=target.path
        )
        sent = {
            "Host": target.authority,
            "User-Agent": "pilotlight",
            "Accept-Encoding": "identity",
            "Connection": "close",
            **headers,
        }
        with (
            _translated(),
            connection,
            connection.stream(method, url, headers=list(sent.items()), content=body) as response,
        ):
            yield Answer(response)


@contextmanager
def _translated() -> Iterator[None]:
    import httpcore  # noqa: PLC0415 - see above

    try:
        yield
    except (httpcore.ProtocolError, httpcore.NetworkError, httpcore.TimeoutException):
        raise failed("unreachable") from None
