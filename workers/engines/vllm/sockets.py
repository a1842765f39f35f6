"""A folder of this process's own for the sockets that vLLM's parts speak through.

vLLM puts them into the system's temporary folder and leaves them there when it is killed. Here they
go with the process; what one that was killed has left goes when the next one starts. Who is dead is
told by flock(2), which ends with its process: a process's id may be somebody else's by then.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX: Final = "pilotlight-vllm-"
"""Short, and in the system's folder: a socket's path has 107 bytes, unix(7)."""


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """One that is removed at the end of the block, or of an interpreter that ends by itself."""
    _sweep()
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}"))  # nobody sweeps by this name
    with _held(made):
        mine = made.rename(made.with_name(made.name[1:]))
        atexit.register(shutil.rmtree, mine, ignore_errors=True)
        try:
            yield mine
        finally:
            shutil.rmtree(mine, ignore_errors=True)


def _sweep() -> None:
    """Remove those whose process is gone; another user's cannot be opened."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), _held(left) as nobodys:
            if nobodys:
                shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _held(place: Path) -> Iterator[bool]:
    """Whether nobody else holds it; then it is held until the end of the block."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
