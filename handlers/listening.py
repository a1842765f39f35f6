"""The sockets of the ingress, and uvicorn on them as a guest in an event loop of ours."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn

from handlers.bounded import look_at
from handlers.gathering import GatheringProtocol
from pilotlight.errors import SettingsError
from pilotlight.settings import IngressSettings

_BACKLOG: Final = 2048
_TICK_S: Final = 1.0
"""uvicorn's tick renews the Date header; its own takes ten a second."""
_WAYS_OUT: Final = {errno.EADDRNOTAVAIL: "give an address that this machine has, or 0.0.0.0"}
_KEEP_ALIVE_S: Final = 75
"""A client that polls now and then keeps its connection: nginx's default."""


@dataclass(frozen=True, slots=True)
class Sockets:
    plain: socket.socket
    tls: socket.socket | None


@contextlib.contextmanager
def listening(ingress: IngressSettings) -> Iterator[Sockets]:
    """Bound before anything is built: a taken port is told at once, a free one is known.

    Raises SettingsError when one cannot be had.
    """
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(_bound(ingress.host, ingress.port))
        tls = None
        if ingress.tls_port is not None:
            tls = stack.enter_context(_bound(ingress.host, ingress.tls_port))
        yield Sockets(plain, tls)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as problem:
        # What Python makes of the error says the address twice.
        why = os.strerror(problem.errno) if problem.errno else problem.strerror
        way_out = _WAYS_OUT.get(problem.errno or 0, "choose another port, or 0 for a free one")
        raise SettingsError(f"cannot listen on {host}:{port} ({why}); {way_out}") from problem


def _no_farewell(record: logging.LogRecord) -> bool:
    """Whether uvicorn's line is worth reading: that it gave up what was open at the end is not."""
    error = record.exc_info[1] if record.exc_info else None
    given_up = isinstance(error, asyncio.CancelledError)
    return not given_up and not record.getMessage().rstrip().endswith("CancelledError")


def url_of(scheme: str, bound: socket.socket) -> str:
    """How this machine reaches it."""
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - names, not a bind
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _websocket(**facts: Any) -> asyncio.Protocol:
    """uvicorn's protocol, imported with the first upgrade: it is a megabyte that few ever need."""
    from uvicorn.protocols.websockets import websockets_sansio_impl  # noqa: PLC0415

    return websockets_sansio_impl.WebSocketsSansIOProtocol(**facts)


class Server(uvicorn.Server):
    """Ends when told to, not by signals, and sleeps until then.

    uvicorn would take SIGTERM for itself and raise it again after its shutdown; everything that
    has to happen after that would not.
    """

    def __init__(self, app: Any, *, lifespan: bool, certificate: Path | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="on" if lifespan else "off",
                ssl_certfile=certificate,
                log_config=None,
                access_log=False,
                server_header=False,
                http=GatheringProtocol,
                proxy_headers=False,
                ws=_websocket,  # type: ignore[arg-type]  # called like the class that it gives
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )
        logging.getLogger("uvicorn.error").addFilter(_no_farewell)
        self.up = asyncio.Event()
        self._told = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            look_at(self.server_state.connections, now=asyncio.get_running_loop().time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), _TICK_S)

    def leave(self, *, now: bool = False) -> None:
        """Take no more connections; answer the requests that are under way, unless ``now``."""
        self.should_exit = True
        self.force_exit = self.force_exit or now
        self._told.set()
