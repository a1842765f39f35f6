"""The ingress and nothing else, as a server: ``python -m handlers.ingress``.

This is what a container runs; inside a Lambda it is :mod:`.lambda_stream`. Upkeep, the dispatcher
and replicas are other processes; a submit finds them through rows and messages.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from handlers.app import create_app
from handlers.listening import Server, Sockets, listening
from pilotlight import bootstrap, settings
from pilotlight.bootstrap.ingress import Services
from pilotlight.errors import SettingsError
from pilotlight.observability import logs


async def _serve(services: Services, sockets: Sockets) -> None:
    app = create_app(services)
    # Who is in front of it is on this machine, and alone knows that the caller came by TLS.
    told = ProxyHeadersMiddleware(app, trusted_hosts="127.0.0.1")  # type: ignore[arg-type]
    server = Server(told, lifespan=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.leave)
    await server.serve([sockets.plain])


def main() -> int:
    """Serves until a signal; requests under way are answered first."""
    try:
        loaded = settings.load()
        logs.configure(loaded.log_level)
        with listening(loaded.ingress) as sockets:
            services = bootstrap.services(loaded)
            try:
                asyncio.run(_serve(services, sockets))
            finally:
                services.close()
    except (SettingsError, settings.BadSettings) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
