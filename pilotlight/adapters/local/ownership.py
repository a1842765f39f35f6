"""One supervisor per data folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Be the folder's only supervisor; the kernel lets go when the process dies.

    Raises SettingsError that names the process that has it, or says why nobody can.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(folder / "up.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise SettingsError(
            f"the data folder {folder} cannot be used ({problem.strerror}); "
            "give another one with --data or PILOTLIGHT_DATA"
        ) from problem
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
            raise SettingsError(
                f"{folder} is already served by the process {holder}; "
                "stop that one or give this one another data folder"
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)
