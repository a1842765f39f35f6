"""What worker code prints, line by line, to the log of the job that printed it.

Only Python-level writes come through here; what C libraries write to descriptors 1 and 2 is read
by the parent.
"""

from __future__ import annotations

import contextvars
import io
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from pilotlight.contracts.events import Log

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Send = Callable[[Log], None]

current_job: Final = contextvars.ContextVar("current_job", default="")
"""The job this thread or coroutine works for; empty outside of one."""
_MAX_LINE: Final = 65_536
_LEADING: Final = (str(Path(__file__).parent), str(Path("concurrent") / "futures"))
"""Folders whose frames lead to the author's code and say nothing of it: ours, and where we wait
for a coroutine.
"""


class JobStream(io.TextIOBase):
    """Stands in for ``sys.stdout`` or ``sys.stderr``.

    Whole lines are sent at once; of a line redrawn with carriage returns, as progress bars do,
    the last drawing counts.
    """

    def __init__(
        self, name: str, send: Send, *, only_job: Callable[[], str], raw: BinaryIO
    ) -> None:
        super().__init__()
        self._name, self._send, self._only_job = name, send, only_job
        self._raw = raw
        self._lock = threading.Lock()
        self._begun: dict[str, str] = {}

    @property
    def encoding(self) -> str:  # type: ignore[override] # a constant, where the base has a slot
        return "utf-8"

    @property
    def buffer(self) -> BinaryIO:
        """For code that writes bytes: they go past us, to the descriptor."""
        return self._raw

    def fileno(self) -> int:
        return self._raw.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        job_id = current_job.get() or self._only_job()
        with self._lock:
            *lines, rest = (self._begun.pop(job_id, "") + text).split("\n")
            if len(rest) > _MAX_LINE:
                lines, rest = [*lines, rest], ""
            if rest:
                self._begun[job_id] = rest
        for line in lines:
            self._say(job_id, line)
        return len(text)

    def finish(self, job_id: str) -> None:
        """Send what the job printed without a newline at its end."""
        with self._lock:
            rest = self._begun.pop(job_id, "")
        if rest:
            self._say(job_id, rest)

    def _say(self, job_id: str, line: str) -> None:
        drawn = [part for part in line.split("\r") if part]
        self._send(Log(job_id, self._name, drawn[-1] if drawn else ""))


def authors(error: BaseException) -> TracebackType | None:
    """The traceback without the calls that led into the worker's file."""
    left = error.__traceback__
    while left is not None and left.tb_next is not None:
        if not any(folder in left.tb_frame.f_code.co_filename for folder in _LEADING):
            break
        left = left.tb_next
    return left


def send_traceback(send: Send, job_id: str, error: BaseException) -> None:
    """The traceback to the job's log, from the author's first line on: the caller's error message
    never carries it.
    """
    for chunk in traceback.format_exception(type(error), error, authors(error)):
        for line in chunk.rstrip("\n").split("\n"):
            send(Log(job_id, "stderr", line))
