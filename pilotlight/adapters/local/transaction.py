"""The one write transaction of a process.

Writers queue on a mutex among the threads and on ``flock`` among the processes, before ``BEGIN``.
There is one object for all writes: a generator for each would take four times as long, and they
are many, since those that are one commit each ask for it.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from typing import TYPE_CHECKING, Final

from pilotlight.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    Execute = Callable[..., sqlite3.Cursor]

_PASSING: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
"""Primary codes of errors that the disk is to blame for (https://sqlite.org/rescode.html)."""


def is_the_disks(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _PASSING


class Transaction:
    """``with`` it to write; whoever enters it inside joins. An exception rolls everything back.

    Raises Unavailable where the disk takes nothing.
    """

    def __init__(self, writer: sqlite3.Connection, mutex: threading.RLock, lock_fd: int) -> None:
        self._writer, self._mutex, self._lock_fd = writer, mutex, lock_fd
        self._depth = 0
        self.owner = 0
        """The thread that is inside, or 0."""

    def __enter__(self) -> Execute:
        self._mutex.acquire()
        self._depth += 1
        if self._depth == 1:
            try:
                fcntl.flock(self._lock_fd, fcntl.LOCK_EX)
                self._writer.execute("BEGIN IMMEDIATE")
                self.owner = threading.get_ident()
            except BaseException as error:
                self.__exit__(None, error, None)
                raise
        return self._writer.execute

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        try:
            if self._depth == 1:
                self._end(error)
        finally:
            self._depth -= 1
            self._mutex.release()

    def _end(self, error: BaseException | None) -> None:
        try:
            if error is None:
                self._commit()
            else:
                self._undo(error)
        finally:
            self.owner = 0
            fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    def _commit(self) -> None:
        try:
            self._writer.execute("COMMIT")
        except BaseException as error:
            self._undo(error)
            raise

    def _undo(self, error: BaseException) -> None:
        if self._writer.in_transaction:  # a full disk may have ended it already
            self._writer.execute("ROLLBACK")
        if is_the_disks(error):
            raise Unavailable(f"the job table cannot be written: {error}") from error
