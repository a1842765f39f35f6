"""The container's entry point: weights first, then the replica in the same process.

``python -m infra.replica NAME``, of a worker or of a pool. A container of a worker whose weights
nobody published starts at once, and its model says what it lacks.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pilotlight import catalogue, settings
from pilotlight.adapters.aws.clients import Clients
from pilotlight.adapters.aws.prefetch import Weights
from pilotlight.errors import SettingsError, Unavailable
from pilotlight.observability import logs

if TYPE_CHECKING:
    from pathlib import Path


def fetch(worker: str, loaded: settings.Settings) -> None:
    """Raises Unavailable, SettingsError: the task ends, and ECS starts another one."""
    aws, wanted = loaded.aws, loaded.weights
    if not wanted.bucket:
        return
    clients = Clients(region=aws.region, endpoint_url=aws.endpoint_url, emulated=aws.emulated)
    try:
        for one in published_as(worker, loaded):
            weights = Weights(clients.s3(), wanted.bucket, one, wanted.folder)
            weights.fetch(on_part=lambda: _alive(loaded.data))
    finally:
        clients.close()


def published_as(worker: str, loaded: settings.Settings) -> list[str]:
    """Its own name; of a pool the names of its members too."""
    if worker not in loaded.pools:
        return [worker]
    found = catalogue.discover(loaded.workers).workers
    return [worker, *(name for name in sorted(found) if found[name].spec.pool == worker)]


def _alive(data: Path) -> None:
    """What the container's health check looks at: a long download is no hang."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "alive").touch()


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("usage: python -m infra.replica NAME [options of python -m workers]")
    try:
        loaded = settings.load()
        logs.configure(loaded.log_level)
        fetch(sys.argv[1], loaded)
    except (Unavailable, SettingsError, settings.BadSettings) as error:
        sys.exit(str(error))
    # The same process: ECS's SIGTERM reaches the replica and nobody in between.
    os.execv(sys.executable, [sys.executable, "-m", "workers", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    main()
