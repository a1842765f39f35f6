"""Programs that never outlive the demo, whenever somebody ends it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from typing import IO, TYPE_CHECKING, Final

from demo import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def started(
    command: Sequence[str],
    *,
    stdout: int | IO[bytes],
    stderr: IO[bytes] | None = None,
    patience_s: float,
) -> Iterator[subprocess.Popen[str]]:
    """Ended with the block, politely first. Of a session of its own: Ctrl-C is for the demo.

    Raises KeyboardInterrupt when the demo was ended meanwhile.
    """
    process = None
    try:
        with _interrupts_wait():
            process = subprocess.Popen(  # noqa: S603 - our own programs
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                text=True, start_new_session=True,
            )  # fmt: skip
        yield process
    finally:
        if process is not None:
            end(process, patience_s)
            if process.stdout is not None:
                process.stdout.close()


def end(process: subprocess.Popen[str], patience_s: float) -> bool:
    """Whether it ended by itself or when asked; killed otherwise."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Between the fork and the assignment nobody would know the process that was started."""
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)

    before = {number: signal.signal(number, note) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if noted:
        raise KeyboardInterrupt
