"""The child as the parent holds it: started, spoken to, listened to, killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pilotlight.errors import SettingsError
from pilotlight.execution.child_fork import Forked, can_fork
from pilotlight.execution.framing import ParentEnd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.contracts.events import Event

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_CHUNK: Final = 65_536
_MAX_LINE: Final = 65_536
_KILL_WAIT_S: Final = 30
"""A killed process may take this long to give its GPU memory back."""


def child_argv(
    worker: str, packages: Sequence[str], *, pooled: bool = False, python: str = ""
) -> list[str]:
    """The command that runs a worker's child, to which the parent adds its own arguments.

    ``pooled``: ``worker`` is the name of a pool. ``python``: as in its spec. Raises SettingsError
    when that is not there.
    """
    module = "pilotlight.execution.child_pool" if pooled else "pilotlight.execution.child"
    if python and not Path(python).is_file():
        raise SettingsError(f"{worker} runs in {python}, which is not in {Path.cwd()}")
    program = str(Path(python).absolute()) if python else sys.executable
    return [program, "-u", "-m", module, worker, "--packages", ",".join(packages)]


class OutputPipe:
    """Descriptor 1 or 2 of the child, cut into lines."""

    def __init__(self, name: str, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.name = name
        self._descriptor = descriptor
        self._begun = b""
        self.ended = False

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> list[str]:
        """The whole lines that are there; after the end, what was left."""
        try:
            received = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:  # as after most jobs
            return []
        self.ended = not received
        *lines, self._begun = (self._begun + received).split(b"\n")
        if self.ended or len(self._begun) > _MAX_LINE:
            lines, self._begun = [*lines, self._begun], b""
        return [line.decode(errors="replace") for line in lines if line]

    def rest(self) -> list[str]:
        """What is left once the process is dead; never waits for others that hold the pipe."""
        lines: list[str] = []
        for _ in range(16):
            more = self.read()
            lines += more
            if self.ended or not more:
                break
        if self._begun:
            lines.append(self._begun.decode(errors="replace"))
            self._begun = b""
        return lines


def _start(
    argv: Sequence[str], end: int, *, ping_s: float, fork: bool
) -> subprocess.Popen[bytes] | Forked:
    command = [*argv, "--socket", str(end), "--ping-s", str(ping_s)]
    if fork and can_fork(argv):
        return Forked(command, keep=end)
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(end,),
        process_group=0,
    )


class ChildProcess:
    """A running child. It leads its own process group, so that its helpers die with it."""

    def __init__(self, argv: Sequence[str], *, ping_s: float, fork: bool = False) -> None:
        """``fork``: this process may be forked, if its state allows it.

        Raises OSError when the process cannot be started.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _start(argv, theirs.fileno(), ping_s=ping_s, fork=fork)
            except OSError:
                ours.close()
                raise
        self.end = ParentEnd(ours)
        self.outputs = [
            OutputPipe(name, pipe.fileno())
            for name, pipe in (("stdout", self._process.stdout), ("stderr", self._process.stderr))
            if pipe is not None
        ]

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, event: Event) -> None:
        self.end.send(event)

    def resident_bytes(self) -> int | None:
        """Memory of the process, None where the system does not tell."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return None
        return int(pages) * _PAGE_BYTES

    def wait(self, timeout_s: float) -> None:
        """Return when it has ended or the time is over."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)

    def end_now(self) -> int | None:
        """Kill what still runs of the group and return the exit status; None if it will not die.

        A status the process left by itself is kept: a signal does not reach the dead.
        """
        self._process.poll()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        try:
            return self._process.wait(_KILL_WAIT_S)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Close our ends; call it after :meth:`end_now`."""
        self.end.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


def describe_exit(status: int | None) -> str:
    """How a process ended, in words."""
    if status is None:
        return "could not be killed"
    if status >= 0:
        return f"exited with code {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = "; the system does this when memory runs out" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"
