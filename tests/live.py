"""The real product as a process: ``pilotlight up`` on free ports, ended by id."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
KEY = "live-test-key"
PATIENCE_S = 60
"""How long anything is waited for before the test gives up; nothing depends on it otherwise."""


def environment(**more: str) -> dict[str, str]:
    """This process's environment, with these on top."""
    return os.environ | more  # noqa: TID251 - tests hand on what they were given


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(look: Callable[[], Any], *, what: str, patience_s: float = PATIENCE_S) -> Any:
    """The first true value of ``look``; fails with ``what`` when patience ends."""
    ends_at = time.monotonic() + patience_s
    while time.monotonic() < ends_at:
        found = look()
        if found:
            return found
        time.sleep(0.02)  # noqa: TID251 - between two looks, never instead of one
    raise AssertionError(f"waited {patience_s} s for {what}")


def _told(pid: int, what: str) -> str:
    """A file of a process below ``/proc``, as words; empty when it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{what}").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


@dataclass
class Live:
    """One running ``pilotlight up``."""

    data: Path
    port: int = field(default_factory=free_port)
    tls_port: int | None = None
    root: Path = ROOT
    """Checkout whose ``handlers`` and ``workers`` are used."""
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables without their ``PILOTLIGHT_`` prefix."""
    options: tuple[str, ...] = ()
    """More options of ``up``, such as ``--aws-emulated``."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        return self.data / "tls" / "ca.pem"

    def start(self) -> Live:
        command = [sys.executable, "-m", "pilotlight.cli", "up", "--port", str(self.port)]
        command += ["--data", str(self.data), "--dev-key", KEY, *self.options]
        if self.tls_port is not None:
            command += ["--tls-port", str(self.tls_port)]
        given = environment(**{f"PILOTLIGHT_{k}": v for k, v in self.settings.items()})
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.root, env=given, stdout=log, stderr=log, start_new_session=True
            )
        until(self.ready, what=f"readiness; see {self.data / 'up.log'}")
        return self

    def ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"up ended:\n{(self.data / 'up.log').read_text()}")
        with contextlib.suppress(OSError):
            return self.ask("GET", "/readyz").status == 200
        return False

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = KEY, **headers: str
    ) -> Answer:
        """One request, answered whatever its status."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            given["Authorization"] = f"Key {key}"
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        url = path if path.startswith("http") else self.url + path
        request = urllib.request.Request(url, data=data, method=method, headers=given)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
                return Answer(reply.status, dict(reply.headers), reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def submit(self, endpoint: str, body: Any, *, query: str = "", **headers: str) -> str:
        answer = self.ask("POST", f"/queue/{endpoint}{query}", body, **headers)
        assert answer.status == 200, answer
        return str(answer.json["request_id"])

    def status(self, endpoint: str, job_id: str) -> dict[str, Any]:
        answer = self.ask("GET", f"/queue/{endpoint}/requests/{job_id}/status?logs=1")
        return dict(answer.json)

    def finished(self, endpoint: str, job_id: str) -> Answer:
        """The result, once there is one."""
        until(lambda: self.status(endpoint, job_id)["status"] == "COMPLETED", what=f"job {job_id}")
        return self.ask("GET", f"/queue/{endpoint}/requests/{job_id}")

    def models(self, worker: str) -> list[int]:
        """Process ids of the model itself, in every replica of a worker."""
        return [pid for pid in self.processes() if _told(pid, "comm") == f"model {worker}"[:15]]

    def replicas(self, worker: str) -> list[int]:
        """Process ids of the parents."""
        words, models = f"-m workers {worker} ", self.models(worker)
        return [
            pid
            for pid in self.processes()
            if pid not in models and words in f"{_told(pid, 'cmdline')} "
        ]

    def processes(self) -> list[int]:
        """Ids of every process that works on this data folder, ``up`` itself included."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    mark = str(self.data).encode()
                    told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                    if mark in told and int(entry.name) != os.getpid():
                        found.append(int(entry.name))
        return found

    def kill_everything(self) -> None:
        """``kill -9`` of every process at once, as a power cut would."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """SIGTERM; afterwards nothing may be left. The exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(PATIENCE_S)
        until(lambda: not self.processes(), what="every process to go")
        return code


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@contextlib.contextmanager
def up(data: Path, **options: Any) -> Iterator[Live]:
    live = Live(data, **options)
    try:
        yield live.start()
    finally:
        if live.process is not None and live.process.poll() is None:
            live.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                live.process.wait(20)
        live.kill_everything()
