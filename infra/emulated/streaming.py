"""The ingress function as Lambda would run it where the emulator does not: its wrapper, as a process.

The zip is unpacked, and ``infra/ingress.sh`` started in it with the environment that the stack gave
the function and the rights of its role; a Runtime API of ours hands it what a Function URL would.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any, Final

from infra.emulated.runtime_api import Exchange, RuntimeApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.emulated.host import Host
    from infra.emulated.server import Emulator
    from pilotlight.ports.clock import Clock


STREAMING_LOG: Final = "streaming.log"


class StreamingUrl:
    """A caller of it: each call is one invocation."""

    def __init__(self, api: RuntimeApi, clock: Clock, url: str, key: str, seconds: int) -> None:
        self._api, self._clock, self._key, self._seconds = api, clock, key, seconds
        self._host = url.removeprefix("https://").strip("/")

    def ask(self, method: str, path: str, body: Any = None) -> Exchange:
        event: dict[str, Any] = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {
                "host": self._host,
                "x-forwarded-proto": "https",
                "authorization": f"Key {self._key}",
                "content-type": "application/json",
                "accept": "text/event-stream, application/json",
            },
            "requestContext": {"http": {"method": method, "path": path}},
            "isBase64Encoded": False,
        }
        if body is not None:
            event["body"] = json.dumps(body)
        return self._api.invoke(event, deadline_at=self._clock.now() + self._seconds)


@contextlib.contextmanager
def streaming(
    emulator: Emulator,
    name: str,
    host: Host,
    zip_path: Path,
    folder: Path,
    *,
    key: str,
    clock: Clock,
) -> Iterator[StreamingUrl]:
    """Ends the process with the block."""
    found = emulator.client("lambda").get_function_configuration(FunctionName=name)
    given = dict(found["Environment"]["Variables"])
    url = emulator.client("lambda").get_function_url_config(FunctionName=name)["FunctionUrl"]
    root = folder / "task"
    with zipfile.ZipFile(zip_path) as packed:
        packed.extractall(root)
    wrapper = root / "infra" / "ingress.sh"
    wrapper.chmod(0o755)
    with RuntimeApi() as api, (folder / STREAMING_LOG).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - what the stack would start
            [wrapper, sys.executable, "/var/runtime/bootstrap.py"],
            cwd=folder,
            env={
                "PATH": os.defpath,
                **given,
                **host.credentials(found["Role"].rpartition("/")[2]),
                "PILOTLIGHT_DATA": str(folder / "streaming"),
                "LAMBDA_TASK_ROOT": str(root),
                "AWS_LAMBDA_RUNTIME_API": api.place,
            },
            stdout=log,
            stderr=log,
        )
        try:
            yield StreamingUrl(api, clock, url, key, found["Timeout"])
        finally:
            process.kill()
            process.wait()
