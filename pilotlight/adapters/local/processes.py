"""Processes of this machine: how a replica is started, recognised, and put to an end.

Each replica leads its own process group, so that Ctrl-C in a terminal reaches only the
supervisor, and so that nothing a dead replica had started outlives it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from pilotlight.settings import PREFIX, WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.settings import Settings

_START_FIELD: Final = 19
"""``starttime`` in ``/proc/PID/stat``, counted after the closing bracket of the name: proc(5)."""
_TAIL_BYTES: Final = 4096


def child_environment(settings: Settings) -> dict[str, str]:
    """Our own environment with exactly these settings in it: a child's ``load()`` equals them."""
    whole = settings.model_copy(update={"data": settings.data.resolve()})
    environment = {
        name: value
        for name, value in os.environ.items()  # noqa: TID251 - handed on to a child, not read
        if not name.upper().startswith(PREFIX)
    }
    environment[WHOLE] = whole.model_dump_json(exclude_defaults=True)
    return environment


def spawn(
    command: Sequence[str], *, environment: dict[str, str], log: IO[bytes], keep_fd: int
) -> subprocess.Popen[bytes]:
    """Start it with both outputs in ``log``; it inherits ``keep_fd``. Raises OSError."""
    return subprocess.Popen(  # noqa: S603 - the command is ours, never a caller's
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        pass_fds=(keep_fd,),
        start_new_session=True,
    )


def exit_code(process: subprocess.Popen[bytes]) -> int | None:
    """None while it runs; else it is reaped, and the rest of its process group is gone as well."""
    if process.returncode is None and hasattr(os, "waitid"):
        # Look without reaping: until then the id cannot belong to a stranger's group.
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if os.waitid(os.P_PID, process.pid, flags) is None:
            return None
        kill_group(process.pid)
    return process.poll()


def await_end(pid: int) -> None:
    """Return once this child of ours is over; it is left for :func:`exit_code` to reap.

    Where the system cannot tell it without reaping it, return at once.
    """
    if not hasattr(os, "waitid"):
        return
    with contextlib.suppress(ChildProcessError):  # somebody reaped it already
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def kill_group(pid: int) -> None:
    """SIGKILL for the process group that this process leads; none is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def started_at(pid: int) -> float | None:
    """When the process started, in units of this machine; None when it does not run.

    Together with the id it names one process for ever: ids are given out again.
    """
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] == "Z" else float(fields[_START_FIELD])
    found = subprocess.run(  # noqa: S603 - a number and fixed words
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C"},
    ).stdout.strip()
    return time.mktime(time.strptime(found)) if found else None


def exit_words(code: int) -> str:
    """``killed by SIGKILL`` or ``exited with code 3``."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"
    return f"exited with code {code}"


def last_line(log: Path) -> str:
    """The last line that says something, shortened: with Python it names the exception."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
