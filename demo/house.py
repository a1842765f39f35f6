"""``pilotlight up`` as a process of its own, on free ports, over a folder of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from demo.failure import StepFailed
from demo.starting import end, started
from pilotlight.adapters.local.clock import SystemClock
from pilotlight.cli.exits import Unreachable
from pilotlight.cli.wire import exchange
from pilotlight.errors import PilotlightError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

KEEP_ALIVE_S: Final = 5
"""Shorter than the worker's own minute: a demo should not make anybody wait to see zero."""
_READY_S: Final = 60
_STOP_S: Final = 60
_LOOK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class House:
    """What runs. ``data`` holds its log, ``up.log``."""

    data: Path
    port: int
    tls_port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data / "up.log"

    @property
    def key(self) -> str:
        key: str = json.loads((self.data / "up.json").read_text())["key"]
        return key

    def customer_environment(self) -> list[str]:
        """All that an unmodified fal program has to be told, as arguments of ``env``."""
        place = f"127.0.0.1:{self.tls_port}"
        return [
            f"FAL_RUN_HOST={place}/run",
            f"FAL_QUEUE_RUN_HOST={place}/queue",
            f"SSL_CERT_FILE={self.data / 'tls' / 'ca.pem'}",
            f"FAL_KEY={self.key}",
            "NO_PROXY=127.0.0.1",
        ]

    def wait_until_ready(self) -> None:
        """Raises StepFailed when it ends before it answers, or never does."""
        clock = SystemClock()
        ends_at = clock.monotonic() + _READY_S
        while clock.monotonic() < ends_at:
            if self.process.poll() is not None:
                raise StepFailed(f"it ended with {self.process.returncode}:\n{self.last_words()}")
            with (
                contextlib.suppress(Unreachable, PilotlightError),
                exchange("GET", f"{self.url}/readyz", headers={}) as answer,
            ):
                answer.read()
                return
            clock.sleep(_LOOK_S)
        raise StepFailed(f"it does not answer at {self.url}/readyz; see {self.log}")

    def stop(self) -> int:
        """Ask it to end, as Ctrl-C does; its exit code. Raises StepFailed when it does not."""
        if not end(self.process, _STOP_S):
            raise StepFailed(f"it did not end within {_STOP_S} s; see {self.log}")
        return self.process.returncode

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])


@contextlib.contextmanager
def house(data: Path, *options: str) -> Iterator[House]:
    """Start it, with further options of ``up``; it does not outlive the block."""
    port, tls_port = _free_ports(2)
    command = [
        "env",
        "PILOTLIGHT_SCALING__POLICY=keep-alive",
        f"PILOTLIGHT_SCALING__KEEP_ALIVE_S={KEEP_ALIVE_S}",
        *(sys.executable, "-m", "pilotlight.cli", "up", "--data", str(data)),
        *("--port", str(port), "--tls-port", str(tls_port), *options),
    ]
    with (
        (data / "up.log").open("wb") as log,
        started(command, stdout=log, stderr=log, patience_s=_STOP_S) as process,
    ):
        yield House(data, port, tls_port, process)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
