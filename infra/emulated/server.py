"""ministack with everything that a stack needs: CloudFormation, Lambda, ECS and the rest."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import boto3

from infra.template.engines import ROOT
from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pilotlight.ports.clock import Clock

PYTHON: Final = ROOT / ".venv-ministack" / "bin" / "python"
REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
_UNTIL_STDIN_ENDS: Final = """
import os, runpy, signal, threading
def leave():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=leave, daemon=True).start()
runpy.run_module("ministack", run_name="__main__", alter_sys=True)
"""
"""It never outlives whoever started it, and takes its functions' processes along."""
_START_S: Final = 30.0
_STOP_S: Final = 10.0


class Emulator:
    """A running one, at ``url``."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self, service: Any) -> Any:
        """An operator's: the account's own key may do everything."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="emulated",  # noqa: S106 - it takes any
        )

    def environment(self) -> dict[str, str]:
        """What leads a process of ours here, on top of what the stack gives it. Its credentials are
        those of its role."""
        return {
            "PILOTLIGHT_AWS__ENDPOINT_URL": self.url,
            "PILOTLIGHT_ALLOW_LOOPBACK": "true",  # webhooks come back to this machine
            "PILOTLIGHT_QUEUE__WAIT_S": "2",  # a request costs nothing here, leaving waits for it
        }


@contextlib.contextmanager
def running(folder: Path, clock: Clock) -> Iterator[Emulator]:
    """Ends with the block. Raises SettingsError when it is not installed or does not start."""
    if not PYTHON.exists():
        raise SettingsError(f"no ministack in {PYTHON.parent.parent}: make setup puts it there")
    port, log = _free_port(), folder / "ministack.log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - fixed words
            [PYTHON, "-c", _UNTIL_STDIN_ENDS],
            cwd=folder,
            env={
                "PATH": os.defpath,
                "HOME": str(folder),
                "TMPDIR": str(folder),
                "GATEWAY_PORT": str(port),
                "BIND_HOST": "127.0.0.1",
                "LOG_LEVEL": "INFO",
                "AUTH": "true",  # roles and bucket policies are held to
            },
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield _answering(Emulator(f"http://127.0.0.1:{port}"), process, log, clock)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _answering(
    emulator: Emulator, process: subprocess.Popen[bytes], log: Path, clock: Clock
) -> Emulator:
    ends_at = clock.monotonic() + _START_S
    while clock.monotonic() < ends_at and process.poll() is None:
        try:
            urllib.request.urlopen(f"{emulator.url}/_ministack/health", timeout=1).close()  # noqa: S310
        except (urllib.error.URLError, OSError):
            clock.sleep(0.05)
        else:
            return emulator
    raise SettingsError(f"the emulator does not answer; see {log}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
