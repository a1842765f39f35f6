"""Starts the systems' processes, weighs them, and ends every one of them by its id.

Linux only: figures come from ``/proc``, and orphans are handed to this process (a subreaper), so
that what a crashed system leaves behind is still found and ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import psutil

from tests.bench.wire import HOST, Wire, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pilotlight.ports.clock import Clock

PR_SET_CHILD_SUBREAPER: Final = 36
"""prctl(2)."""
READY_S: Final = 20.0
LEAVE_S: Final = 8.0
"""What is still there this long after SIGTERM is killed."""
ROOT: Final = Path(__file__).parents[2]


class NotReady(Exception):
    """A system did not come up; the message ends with what it printed."""


def adopt_orphans() -> None:
    """From now on a grandchild whose parent died is a child of this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


class Processes:
    """The process trees of one system. ``with`` ends them all, whatever happened inside."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 -- closed in __exit__
        self._roots: list[psutil.Popen] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, NotReady):
            error.add_note(self.printed())
        try:
            for root in self._roots:
                end(_tree(root))
            end(psutil.Process().children(recursive=True))  # orphans: those adopted meanwhile
        finally:
            self._output.close()

    def start(self, *command: str | Path, **variables: str) -> None:
        """Run the command in the repository root, with these environment variables added."""
        env = ["/usr/bin/env", *(f"{name}={value}" for name, value in variables.items())]
        # A session of its own: Ctrl-C reaches the bench, which then ends this in order.
        self._roots.append(
            psutil.Popen(
                [*env, *command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )

    def python(self, *arguments: str | Path, **variables: str) -> None:
        self.start(sys.executable, *arguments, **variables)

    def await_ready(self, port: int, path: str = "/readyz") -> None:
        """Return at the first 200. Raises NotReady when a process leaves or time is up."""
        self.await_true(lambda: _answers(port, path), f"GET {path} on port {port}")

    def await_true(self, condition: Callable[[], bool], what: str) -> None:
        """Return once it holds. Raises NotReady when a process leaves or time is up."""
        deadline = self._clock.monotonic() + READY_S
        while not condition():
            gone = [root for root in self._roots if root.poll() is not None]
            if gone or self._clock.monotonic() > deadline:
                reason = f"exited with {gone[0].returncode}" if gone else f"{READY_S:g} s passed"
                raise NotReady(f"waiting for {what}: {reason}\n{self.printed()}")
            self._clock.sleep(0.002)

    def printed(self) -> str:
        """The last lines that the processes printed."""
        self._output.seek(0)
        return "\n".join(self._output.read().decode(errors="replace").splitlines()[-25:])

    def members(self) -> list[psutil.Process]:
        return [process for root in self._roots for process in _tree(root)]

    def pss_mb(self) -> float:
        """Proportional set size of the trees: private memory plus a share of what is shared."""
        return sum(_pss_bytes(process.pid) for process in self.members()) / 1e6

    def cpu_s(self) -> float:
        """Processor time of the trees' living threads so far, to the nanosecond."""
        return sum(_ran_ns(process.pid) for process in self.members()) / 1e9

    def cpu_percent(self, seconds: float) -> float:
        """Share of one core that the trees use while nobody asks them anything."""
        before, start = self.cpu_s(), self._clock.monotonic()
        self._clock.sleep(seconds)
        return 100 * (self.cpu_s() - before) / (self._clock.monotonic() - start)


def end(processes: Sequence[psutil.Process]) -> None:
    """SIGTERM to the first, which should take the rest along; SIGKILL to those that stay."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in processes[:1]:
            process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=LEAVE_S)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=LEAVE_S)


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _answers(port: int, path: str) -> bool:
    try:
        wire = Wire(port)
    except OSError:
        return False
    try:
        return wire.ask(request("GET", path)).status == 200
    except OSError:
        return False
    finally:
        wire.close()


def _lines(pattern: str, pid: int) -> Iterator[str]:
    for path in Path("/proc", str(pid)).glob(pattern):
        with contextlib.suppress(OSError):  # a thread or process that just left
            yield path.read_text()


def _pss_bytes(pid: int) -> int:
    for text in _lines("smaps_rollup", pid):
        kib = next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))
        return int(kib) * 1024
    return 0


def _ran_ns(pid: int) -> int:
    return sum(int(text.split()[0]) for text in _lines("task/*/schedstat", pid))
