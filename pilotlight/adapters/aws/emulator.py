"""AWS on this machine for ``pilotlight up --aws-emulated``: ministack, in a process of its own.

For trying out and for tests: what it holds is gone with it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pilotlight.adapters.aws import queues, tables
from pilotlight.adapters.aws.clients import Clients
from pilotlight.errors import SettingsError
from pilotlight.observability.logs import event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pilotlight.ports.clock import Clock
    from pilotlight.settings import Settings

PYTHON: Final = Path(".venv-ministack/bin/python")
"""It pins another botocore than ours, so it has an environment of its own."""
REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
_LONGEST_POLL_S: Final = 2
_START_S: Final = 30.0
_STOP_S: Final = 5.0
_LOOK_S: Final = 0.05
_UNTIL_STDIN_ENDS: Final = """
import os, runpy, threading
def leave():
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=leave, daemon=True).start()
runpy.run_module("ministack", run_name="__main__", alter_sys=True)
"""
"""Whoever started it holds the other end of its standard input: it never outlives them."""


@contextlib.contextmanager
def emulated(settings: Settings, workers: Iterable[str], clock: Clock) -> Iterator[Settings]:
    """The settings, pointed at an emulator that has everything they name. It ends with the block.

    Raises SettingsError when ministack is not installed or does not start.
    """
    folder = (settings.data / "emulator").absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    port = _free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with _running(folder, port) as process:
        _wait(process, endpoint, folder, clock)
        pointed = _pointed_at(settings, endpoint)
        _furnish(pointed, workers)
        event("emulator.ready", url=endpoint)
        yield pointed


def _pointed_at(settings: Settings, endpoint: str) -> Settings:
    base = f"{endpoint}/{ACCOUNT}/pilotlight-"
    changed = {
        "region": REGION,
        "endpoint_url": endpoint,
        "queue_url": f"{base}jobs-",
        "drop_bucket": settings.aws.bucket,
    }
    # A request costs nothing here, but Ctrl-C waits for the long poll under way.
    wait_s = min(settings.queue.wait_s, _LONGEST_POLL_S)
    return settings.model_copy(
        update={
            "aws": settings.aws.model_copy(update=changed),
            "queue": settings.queue.model_copy(update={"wait_s": wait_s}),
        }
    )


def _furnish(settings: Settings, workers: Iterable[str]) -> None:
    aws = settings.aws
    clients = Clients(region=aws.region, endpoint_url=aws.endpoint_url, emulated=True)
    try:
        dynamodb = clients.dynamodb()
        tables.create(dynamodb, tables.jobs_table(aws.jobs_table))
        tables.create(dynamodb, tables.secrets_table(aws.secrets_table))
        clients.s3().create_bucket(Bucket=aws.bucket)
        queues.create(clients.sqs(), settings, workers)
    finally:
        clients.close()


@contextlib.contextmanager
def _running(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    if not PYTHON.exists():
        raise SettingsError(
            f"the emulator is not installed in {PYTHON.parent.parent}; `make setup` does it, or: "
            "python3 -m venv .venv-ministack && .venv-ministack/bin/pip install ministack==1.5.33"
        )
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - fixed words
            [PYTHON.absolute(), "-c", _UNTIL_STDIN_ENDS],
            cwd=folder,
            env=_environment(folder, port),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for those whose jobs it holds
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _environment(folder: Path, port: int) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "SERVICES": "dynamodb,s3,sqs",
        "LOG_LEVEL": "WARNING",
    }


def _wait(process: subprocess.Popen[bytes], endpoint: str, folder: Path, clock: Clock) -> None:
    ends_at = clock.monotonic() + _START_S
    while clock.monotonic() < ends_at and process.poll() is None:
        try:
            urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=1).close()  # noqa: S310 - our own
        except (urllib.error.URLError, OSError):
            clock.sleep(_LOOK_S)
        else:
            return
    raise SettingsError(f"the emulator does not answer; see {folder / 'ministack.log'}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
