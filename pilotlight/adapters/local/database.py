"""One SQLite file that several processes share, as measured to be fast and fair.

- One write connection per process; writers queue on ``flock`` before ``BEGIN IMMEDIATE``,
  because SQLite's own busy handler sleeps and starves. The kernel frees a dead holder's lock.
- ``synchronous=NORMAL``; :meth:`Database.harden` syncs the write-ahead log once for everything
  committed so far, outside the lock.
- Nobody checkpoints by chance: upkeep calls :meth:`Database.checkpoint`.
- The log's file has its whole size from the start, full of zeros: a commit overwrites, so that a
  sync has no new file size to record (114 us, not 250), and no commit waits for one that has.
  SQLite takes the zeros for the log's end: a frame names its log, and no log is named zero.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import sqlite3
import sys
import threading
from typing import TYPE_CHECKING, Final

from pilotlight.adapters.local import schema
from pilotlight.adapters.local.transaction import Transaction, is_the_disks
from pilotlight.errors import SettingsError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pilotlight.adapters.local.transaction import Execute

BIG_WAL_BYTES: Final = 16_000_000
_PAGE_BYTES: Final = 2048
_FRAME_BYTES: Final = 24 + _PAGE_BYTES
_MX_FRAME_AT: Final = 16
_FILL_BYTES: Final = 1_000_000
"""Written under the lock at a time: a third of a millisecond."""
KEPT_HEAP_BYTES: Final = 4 * 1024 * 1024
_M_TRIM_THRESHOLD: Final = -1
"""malloc.h"""
_PRAGMAS: Final = (
    f"PRAGMA page_size={_PAGE_BYTES}",  # of a new file; a job's commit is seven small pages: 26 us, not 34
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA busy_timeout=5000",
)


@functools.cache
def _keep_freed_memory() -> None:
    """Have glibc keep what a commit frees instead of giving it back to the kernel.

    SQLite's page cache sits at the top of the heap: given back, every commit pays page faults
    for it again (a lease 117 instead of 64 us). Set here and not in the environment, which the
    model's process would inherit.
    """
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, KEPT_HEAP_BYTES)


class Database:
    """Open it after a fork, never before: SQLite's locks do not survive one."""

    def __init__(self, path: Path) -> None:
        _keep_freed_memory()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock_fd = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._mutex = threading.RLock()
        self._wal_fd: int | None = None
        self._index_fd: int | None = None
        self._writer = self._opened()
        self._transaction = Transaction(self._writer, self._mutex, self._lock_fd)
        self._readers = threading.local()
        try:
            with self._locked():
                schema.create(self._writer)
        except BaseException as error:
            self.close()
            if is_the_disks(error):
                raise Unavailable(f"the job table {path} cannot be made: {error}") from error
            raise
        path.chmod(0o600)

    def _opened(self) -> sqlite3.Connection:
        """Raises SettingsError for a file that is no database, or a broken one."""
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            os.close(self._lock_fd)
            if is_the_disks(error):
                words = f"the job table {self._path} cannot be opened: {error}"
                raise Unavailable(words) from error
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise SettingsError(
                f"the job table {self._path} cannot be read ({error}); restore it from a backup, "
                "or start with an empty --data folder"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        # SQLite gives its log, which has prompts in it too, the mode that it finds on the file.
        with contextlib.suppress(OSError):  # it is there; or SQLite says what is wrong
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        return connection

    @property
    def read(self) -> Execute:
        """Run a query on this thread's own connection; inside ``write`` on the writer's.

        Each query sees what was committed when it began.
        """
        if self._transaction.owner == threading.get_ident():
            return self._writer.execute
        connection: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = self._readers.connection = self._connect()
        return connection.execute

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._mutex:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    def write(self) -> Transaction:
        """A transaction; a nested one joins the outer. An exception rolls everything back.

        Raises Unavailable where the disk takes nothing.
        """
        return self._transaction

    def harden(self) -> None:
        """Return once every commit so far would survive a power cut.

        The log is a prefix: one sync covers all commits before it, this process's and others'.
        """
        os.fdatasync(self._log())

    def _log(self) -> int:
        if self._wal_fd is None:
            self._wal_fd = os.open(
                f"{self._path}-wal", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        return self._wal_fd

    def checkpoint(self) -> bool:
        """Fold the log into the file when it is big, blocking writers for milliseconds at most.

        True when it was. The first call gives the log's file its size.
        """
        log = self._log()
        if os.fstat(log).st_size < BIG_WAL_BYTES:
            self._fill(log)
        if self._logged() * _FRAME_BYTES < BIG_WAL_BYTES:
            return False
        self.read("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        with self._locked():
            self.read("PRAGMA wal_checkpoint(RESTART)").fetchall()
        return True

    def _logged(self) -> int:
        """Pages in the log: ``mxFrame`` of its index (https://sqlite.org/walformat.html, 2.1).

        The descriptor stays open: to close one would drop SQLite's locks on that file.
        """
        if self._index_fd is None:
            self._index_fd = os.open(f"{self._path}-shm", os.O_RDONLY | os.O_CLOEXEC)
        return int.from_bytes(os.pread(self._index_fd, 4, _MX_FRAME_AT), sys.byteorder)

    def _fill(self, log: int) -> None:
        zeros, size = bytes(_FILL_BYTES), 0
        while size < BIG_WAL_BYTES:
            with self._locked():
                size = os.fstat(log).st_size
                if size < BIG_WAL_BYTES:
                    os.pwrite(log, zeros[: BIG_WAL_BYTES - size], size)
        os.fdatasync(log)

    def close(self) -> None:
        """Close this thread's connections; other threads' close with them."""
        reader: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if reader is not None:
            reader.close()
            del self._readers.connection
        self._writer.close()
        for fd in (self._wal_fd, self._index_fd):
            if fd is not None:
                os.close(fd)
        self._wal_fd = self._index_fd = None
        os.close(self._lock_fd)
