"""Brings one system up as real processes, in an empty folder, and says how to talk to it."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.processes import Processes, free_port
from tests.bench.target import Target
from tests.bench.wire import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pilotlight.ports.clock import Clock

KEY: Final = "bench-key:bench-secret"
REFERENCES: Final = "tests.bench.references"


@dataclass(frozen=True, slots=True)
class System:
    """One that is up. ``startup_s``: from its first process to the first 200 of ``/readyz``."""

    target: Target
    processes: Processes
    startup_s: float
    jobs_file: Path | None = None
    """Pilotlight's job table, where times are read that no client sees."""


def _timed(processes: Processes, port: int, clock: Clock, start: Callable[[], None]) -> float:
    began = clock.monotonic()
    start()
    processes.await_ready(port)
    return clock.monotonic() - began


@contextmanager
def pilotlight(clock: Clock) -> Iterator[System]:
    """``pilotlight up``; the first job starts its one replica."""
    command = Path(sys.executable).with_name("pilotlight")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Processes(clock) as processes:
        startup_s = _timed(
            processes,
            port,
            clock,
            lambda: processes.start(
                command, "up", "--port", str(port), "--data", folder, "--dev-key", KEY,
                # A burst would otherwise start a second replica after a second.
                PILOTLIGHT_SCALING__PATIENCE_S="600",
            ),
        )  # fmt: skip
        target = Target(port, headers=f"authorization: Key {KEY}\r\n")
        yield System(target, processes, startup_s, Path(folder) / "jobs.db")


@contextmanager
def bare_redis(clock: Clock) -> Iterator[System]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Processes(clock) as processes:
        url = _redis(processes, Path(folder))

        def start() -> None:
            processes.python("-m", f"{REFERENCES}.redis_ingress", str(port), url)
            processes.python("-m", f"{REFERENCES}.redis_worker", url)

        yield System(Target(port), processes, _timed(processes, port, clock, start))


@contextmanager
def bare_sqlite(clock: Clock) -> Iterator[System]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Processes(clock) as processes:
        path = Path(folder) / "jobs.db"

        def start() -> None:
            processes.python("-m", f"{REFERENCES}.sqlite_ingress", str(port), path)
            processes.python("-m", f"{REFERENCES}.sqlite_worker", path)

        yield System(Target(port), processes, _timed(processes, port, clock, start))


@contextmanager
def taskiq(clock: Clock) -> Iterator[System]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Processes(clock) as processes:
        url = _redis(processes, Path(folder))
        worker = Path(sys.executable).with_name("taskiq")

        def start() -> None:
            processes.python("-m", f"{REFERENCES}.taskiq_ingress", str(port), BENCH_REDIS=url)
            processes.start(
                worker, "worker", f"{REFERENCES}.taskiq_broker:broker", "--workers", "1",
                "--log-level", "WARNING", BENCH_REDIS=url,
            )  # fmt: skip

        yield System(Target(port), processes, _timed(processes, port, clock, start))


def has_redis() -> bool:
    return shutil.which("redis-server") is not None


def _redis(processes: Processes, folder: Path) -> str:
    """A Redis of its own, on a free loopback port, that writes nothing to disk."""
    port = free_port()
    processes.start(
        "redis-server", "--bind", HOST, "--port", str(port), "--dir", folder,
        "--save", "", "--appendonly", "no",
    )  # fmt: skip
    processes.await_true(lambda: _listens(port), f"redis-server on port {port}")
    return f"redis://{HOST}:{port}/0"


def _listens(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port)):
            return True
    except OSError:
        return False
