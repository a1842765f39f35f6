"""Secrets as files that only their owner may read."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")


class FileSecrets:
    """One file per secret, mode 0600, in a folder of mode 0700."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_or_create(self, name: str, make: Callable[[], bytes]) -> bytes:
        path = self._path(name)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            with self._written(make()) as draft:
                try:
                    # A link appears with all its bytes, and only if there is none yet.
                    path.hardlink_to(draft)
                except FileExistsError:
                    return path.read_bytes()
                self._settle()
                return path.read_bytes()

    def update(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        path = self._path(name)
        with self._alone():
            try:
                before = path.read_bytes()
            except FileNotFoundError:
                before = None
            after = change(before)
            with self._written(after) as draft:
                draft.replace(path)
            self._settle()
            return after

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a secret")
        return self._folder / name

    @contextmanager
    def _written(self, value: bytes) -> Iterator[Path]:
        """A synced draft beside the final files; gone afterwards unless it was renamed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="_", dir=self._folder)  # mode 0600
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "_lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _settle(self) -> None:
        """Make the new name itself survive a power cut."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
