"""A child that is forked instead of started anew: it shares what its parent has imported.

A fresh interpreter with pydantic and the contracts is 19 MB and a tenth of a second; a fork of the
parent is 2 MB and a few milliseconds. It is sound only while the parent has one thread and has
touched neither a GPU nor a library with threads of its own, so :func:`can_fork` looks. The child
closes every descriptor but its own and never returns into the parent's code.
"""

from __future__ import annotations

import contextlib
import gc
import os
import runpy
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

_MODULE: Final = "-m"
_FIRST_FREE: Final = 3
"""Descriptors below are standard input, output and error."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


def can_fork(argv: Sequence[str]) -> bool:
    """Whether a fork of this process, as it is now, may run what ``argv`` says."""
    if sys.platform != "linux" or argv[0] != sys.executable or _MODULE not in argv:
        return False
    return len(list(Path("/proc/self/task").iterdir())) == 1


class Forked:
    """What is used of ``subprocess.Popen``, for a process that was forked."""

    def __init__(self, argv: Sequence[str], *, keep: int) -> None:
        """``keep`` is the descriptor that stays open in it. Raises OSError."""
        (out, child_out), (error, child_error) = os.pipe(), os.pipe()
        gc.freeze()  # a collection would write to every page that the two share
        pid = os.fork()
        if pid == 0:
            _become(argv, keep=keep, out=child_out, error=child_error)
        os.close(child_out)
        os.close(child_error)
        with contextlib.suppress(PermissionError):  # it has done so itself and gone on
            os.setpgid(pid, pid)
        self.pid = pid
        self.stdout: IO[bytes] = os.fdopen(out, "rb", buffering=0)
        self.stderr: IO[bytes] = os.fdopen(error, "rb", buffering=0)
        self._status: int | None = None

    def poll(self) -> int | None:
        """Its exit status, negative for a signal, or None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def wait(self, timeout_s: float) -> int | None:
        """As :meth:`poll`, after its end or that many seconds."""
        if self.poll() is None:
            ending = os.pidfd_open(self.pid)
            try:
                select.select([ending], [], [], timeout_s)
            finally:
                os.close(ending)
        return self.poll()


def _become(argv: Sequence[str], *, keep: int, out: int, error: int) -> NoReturn:
    """Be the process that ``argv`` would have started, and end as it does."""
    code = 1
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        _take_descriptors(keep=keep, out=out, error=error)
        module = argv.index(_MODULE) + 1
        sys.argv = [argv[module], *argv[module + 1 :]]
        runpy.run_module(argv[module], run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the edge of a process: it ends as any program does
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _take_descriptors(*, keep: int, out: int, error: int) -> None:
    """Nothing of the parent's stays open: not its database, its locks, its sockets."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (out, 1), (error, 2)):
        os.dup2(source, target)
    os.closerange(_FIRST_FREE, keep)
    os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
