"""Connect to an address that was checked, and to no other.

The only module that opens outbound sockets. httpcore asks it for a connection to a *name*; it
resolves the name itself, lets the guard judge every answer, connects to a judged address and
then asks the kernel who is at the other end. The name stays in SNI, in the certificate check and
in the Host header. Importing this module loads httpcore: :mod:`pilotlight.adapters.web.outbound`
does it at the first request.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import httpcore

from pilotlight.adapters.web.guard import Address, Policy, Target, admit
from pilotlight.adapters.web.reasons import failed

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from pilotlight.adapters.web.patience import Patience
    from pilotlight.adapters.web.resolve import Resolve

RESOLVE_S: Final = 3.0
Dial = Callable[[str, int, float], socket.socket]
"""``(address, port, timeout_s)`` to a connected socket. Raises OSError."""


def dial_tcp(address: str, port: int, timeout_s: float) -> socket.socket:
    return socket.create_connection((address, port), timeout_s)


class GuardedStream(httpcore.NetworkStream):
    """A connected socket whose every wait is cut to what the request has left."""

    def __init__(self, connected: socket.socket, patience: Patience) -> None:
        self._socket = connected
        self._patience = patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        self._socket.settimeout(self._patience.read_s())
        try:
            data = self._socket.recv(max_bytes)
        except OSError:
            raise failed("unreachable") from None
        self._patience.received(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """``sendall``, because its timeout is for all of the buffer.

        A receiver may answer before it has read everything, and hang up: httpcore then still
        looks for the answer when it is told so by its own WriteError.
        """
        if not buffer:
            return
        self._socket.settimeout(self._patience.write_s())
        try:
            self._socket.sendall(buffer)
        except TimeoutError:
            raise failed("unreachable") from None
        except OSError as error:
            raise httpcore.WriteError from error

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> GuardedStream:
        try:
            self._socket.settimeout(self._patience.connect_s())
            sealed = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except (OSError, ValueError):
            self.close()
            raise failed("unreachable") from None
        return GuardedStream(sealed, self._patience)

    def get_extra_info(self, info: str) -> Any:
        return self._socket if info == "socket" else None


class GuardedBackend(httpcore.NetworkBackend):
    """Opens the connections of one request to one target."""

    def __init__(
        self, target: Target, policy: Policy, patience: Patience, *, resolve: Resolve, dial: Dial
    ) -> None:
        self._target = target
        self._policy = policy
        self._patience = patience
        self._resolve = resolve
        self._dial = dial

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the target was parsed by us
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002 - patience knows better
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> GuardedStream:
        self._patience.connecting()
        addresses = admit(self._target, self._answers(), self._policy)
        for tried, address in enumerate(addresses):
            # A silent first address must leave time for the others.
            share = self._patience.connect_s() / (len(addresses) - tried)
            try:
                connected = self._dial(str(address), self._target.port, share)
            except OSError:
                continue
            return GuardedStream(self._verified(connected, address), self._patience)
        raise failed("unreachable")

    def _answers(self) -> list[str]:
        if self._target.literal is not None:
            return [str(self._target.literal)]
        time_s = min(RESOLVE_S, self._patience.connect_s())
        return self._resolve(self._target.host, self._target.port, time_s)

    def _verified(self, connected: socket.socket, address: Address) -> socket.socket:
        """The socket, if the kernel says that it leads where it was meant to."""
        if not _leads_to(connected, address, self._target.port):
            connected.close()
            raise failed("refused_address")
        return connected


def _leads_to(connected: socket.socket, address: Address, port: int) -> bool:
    try:
        peer, peer_port, *_ = connected.getpeername()
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        return False
    return ipaddress.ip_address(peer) == address and peer_port == port
