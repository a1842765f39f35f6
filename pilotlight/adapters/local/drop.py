"""The drop folder on this machine: two folders beside the job table, and a table of what was taken.

A name is used as it is, as bytes: the kernel's own names cannot lead out of the folder. Links are
not followed, so that nobody's other files are read through one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

from pilotlight.ports.drop import Dropped, Replaced, Taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pilotlight.adapters.local.database import Database

DROP, RESULTS = "drop", "drop-results"
_CHUNK_BYTES: Final = 1024 * 1024
_LONGEST_NAME: Final = 255
"""Bytes, of every usual file system."""
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS dropped (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key BLOB NOT NULL, job_id TEXT,
        pending INTEGER NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS dropped_key ON dropped (key, seq)",
    "CREATE INDEX IF NOT EXISTS dropped_pending ON dropped (seq) WHERE pending = 1",
)


class LocalDropFolder:
    whole = False

    def __init__(self, data: Path) -> None:
        self._drop, self._results = data / DROP, data / RESULTS

    def is_there(self) -> bool:
        return self._drop.is_dir()

    def listing(self) -> Iterator[Dropped]:
        folders = [""]
        while folders:
            below = folders.pop()
            try:
                with os.scandir(self._drop / below) as entries:
                    for entry in entries:
                        key = f"{below}{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(f"{key}/")
                        elif found := _seen(key, entry):
                            yield found
            except OSError:  # gone meanwhile, or not ours to read
                continue

    def look(self, key: str) -> Dropped | None:
        parts = key.split("/")
        if "\0" in key or any(part in {"", ".", ".."} for part in parts):
            return None
        with contextlib.suppress(OSError, UnicodeEncodeError), self._opened(key) as fd:
            return _dropped(key, os.fstat(fd))
        return None

    @contextlib.contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        """Without following a link at any part of the way. Raises OSError."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        *folders, name = key.split("/")
        fd = os.open(self._drop, flags | os.O_DIRECTORY)
        try:
            for folder in folders:
                inner = os.open(folder, flags | os.O_DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = inner
            file = os.open(name, flags | os.O_NONBLOCK, dir_fd=fd)
        finally:
            os.close(fd)
        try:
            yield file
        finally:
            os.close(file)

    def read(self, dropped: Dropped) -> Iterator[bytes]:
        try:
            with self._opened(dropped.key) as fd:
                if _dropped(dropped.key, os.fstat(fd)) != dropped:
                    raise Replaced("the file was replaced")
                while chunk := os.read(fd, _CHUNK_BYTES):
                    yield chunk
                if _dropped(dropped.key, os.fstat(fd)) != dropped:
                    raise Replaced("the file was written to while it was read")
        except OSError as error:
            raise Replaced(f"the file cannot be read: {error.strerror}") from None

    def write(self, name: str, content: Iterable[bytes]) -> None:
        path = self._place(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.parent / f".{secrets.token_hex(8)}.draft"
        try:
            with draft.open("xb") as file:
                for chunk in content:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
        finally:
            draft.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self._place(name).unlink()

    def _place(self, name: str) -> Path:
        return self._results.joinpath(*map(_fitting, name.split("/")))


def _fitting(part: str) -> str:
    """A name with our ending may be longer than a file system takes."""
    raw = os.fsencode(part)
    if len(raw) <= _LONGEST_NAME:
        return part
    mark = hashlib.sha256(raw).hexdigest()[:16].encode()
    return os.fsdecode(raw[:150] + b"~" + mark + b"~" + raw[-80:])


def _seen(key: str, entry: os.DirEntry[str]) -> Dropped | None:
    return _dropped(key, entry.stat(follow_symlinks=False))


def _dropped(key: str, found: os.stat_result) -> Dropped | None:
    if not stat.S_ISREG(found.st_mode):
        return None
    return Dropped(key, found.st_size, f"{found.st_mtime_ns}-{found.st_ino}")


class SqliteDropLedger:
    """Its table is made when the first thing is dropped: most deployments never need it."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._made = False

    def _make(self) -> None:
        if not self._made:
            with self._db.write() as execute:
                for statement in _TABLES:
                    execute(statement)
            self._made = True

    def known(self, ids: Sequence[str]) -> set[str]:
        self._make()
        marks = ",".join("?" * len(ids))
        rows = self._db.read(f"SELECT id FROM dropped WHERE id IN ({marks})", tuple(ids))
        return {found for (found,) in rows}

    def add(self, taken: Sequence[Taken]) -> None:
        self._make()
        with self._db.write() as execute:
            for one in taken:
                execute(
                    "INSERT OR IGNORE INTO dropped (id, key, job_id, pending) VALUES (?, ?, ?, ?)",
                    (one.id, os.fsencode(one.key), one.job_id, one.pending),
                )

    def pending(self, *, limit: int) -> list[Taken]:
        self._make()
        sql = "SELECT id, key, job_id FROM dropped WHERE pending = 1 ORDER BY seq LIMIT ?"
        rows = self._db.read(sql, (limit,)).fetchall()
        return [Taken(own_id, os.fsdecode(key), job_id) for own_id, key, job_id in rows]

    def settle(self, taken: Taken) -> None:
        with self._db.write() as execute:
            execute("UPDATE dropped SET pending = 0 WHERE id = ?", (taken.id,))

    def newest(self, key: str) -> str | None:
        self._make()
        sql = "SELECT id FROM dropped WHERE key = ? ORDER BY seq DESC LIMIT 1"
        row = self._db.read(sql, (os.fsencode(key),)).fetchone()
        return row[0] if row else None

    def counts(self) -> tuple[int, int]:
        self._make()
        (total,) = self._db.read("SELECT count(*) FROM dropped").fetchone()
        (open_,) = self._db.read("SELECT count(*) FROM dropped WHERE pending = 1").fetchone()
        return total, open_
