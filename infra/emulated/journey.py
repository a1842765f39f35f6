"""A job's way through the deployed stack, step by step: what each step finds is returned.

Everything that runs on AWS runs where the emulator puts it: functions in its Lambda, rows,
messages and files in its stores. Replicas are processes started by :mod:`.host` as ECS would.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from handlers.local import development_key
from infra.emulated.edge import edge
from infra.emulated.host import Host
from infra.template.engines import ROOT
from pilotlight import bootstrap
from pilotlight.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.emulated.edge import Edge
    from infra.emulated.server import Emulator
    from infra.emulated.stack import Stack
    from pilotlight.bootstrap.ingress import Services

KEY: Final = "emulated-journey-key"
PATIENCE_S: Final = 150.0
_CALLER: Final = (sys.executable, "-m", "infra.emulated.caller")


@dataclass(frozen=True)
class Deployed:
    """The stack with its hosts, and an operator's view of it."""

    emulator: Emulator
    stack: Stack
    services: Services
    host: Host
    edge: Edge
    folder: Path
    calls: list[Call] = field(default_factory=list)

    @property
    def function_url(self) -> str:
        return self.stack.outputs["Url"].rstrip("/")

    def submit(self, endpoint: str, arguments: dict[str, Any], webhook: str = "") -> Call:
        """Start the real client; it waits for the result in a process of its own."""
        name = urlsplit(self.function_url).netloc
        environment = {
            "PATH": "/usr/bin:/bin",
            "FAL_KEY": KEY,
            "FAL_RUN_HOST": f"{name}/run",
            "FAL_QUEUE_RUN_HOST": f"{name}/queue",
            **self.edge.environment(),
        }
        process = subprocess.Popen(  # noqa: S603 - our own module
            [*_CALLER, endpoint, json.dumps(arguments), *([webhook] if webhook else [])],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        call = Call(process)
        self.calls.append(call)
        return call


class Call:
    """One call of the client under way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def result(self) -> dict[str, Any]:
        """``request_id`` and ``output``. Raises AssertionError with what the client said."""
        out, err = self._process.communicate(timeout=PATIENCE_S)
        if self._process.returncode:
            raise AssertionError(
                f"the client ended with {self._process.returncode}:\n{err[-3000:]}"
            )
        found: dict[str, Any] = json.loads(out)
        return found

    def end(self) -> None:
        """Whatever it still waits for."""
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def deployed(emulator: Emulator, stack: Stack, folder: Path) -> Iterator[Deployed]:
    """Ends every replica with the block."""
    services = bootstrap.services(operators_settings(emulator, stack, folder))
    name = urlsplit(stack.outputs["Url"]).hostname or ""
    try:
        development_key(services, KEY)
        with (
            edge(name, emulator.port, folder) as way,
            Host(emulator, stack.resources["Cluster"], folder) as host,
        ):
            found = Deployed(emulator, stack, services, host, way, folder)
            yield found
            for call in found.calls:
                call.end()
    finally:
        services.close()


def operators_settings(emulator: Emulator, stack: Stack, folder: Path) -> Settings:
    """What the stack's own parameter says, led to the emulator."""
    found = emulator.client("ssm").get_parameter(Name=stack.resources["OperatorSettings"])
    said = json.loads(found["Parameter"]["Value"])
    there = f"https://sqs.{said['aws']['region']}.amazonaws.com"
    said["aws"] = {
        name: value.replace(there, emulator.url) for name, value in said["aws"].items()
    } | {"endpoint_url": emulator.url}
    return Settings.model_validate(said | {"data": folder / "operator"})
