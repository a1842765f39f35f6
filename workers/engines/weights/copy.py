"""One file on its way here: what of it has come, so that the next process goes on from there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workers.engines.weights.digest import BLOCK, Digests
from workers.engines.weights.header import WeightsRefused
from workers.engines.weights.reader import Wanted, every_block

if TYPE_CHECKING:
    from pilotlight.ports.weights import Link
    from workers.engines.weights.source import Source

_HERE: Final = b"\1"


class Copy:
    """Nothing here waits for the disk: without checksums, what was written is believed until the
    machine is switched off.

    ``NAME.part`` has the bytes, ``NAME.done`` a line that says of which version they are and then
    one byte for each block that is there. Once it is whole the first is renamed, the second stays.
    One process at a time: a second one waits for the first.
    """

    def __init__(self, link: Link, path: Path, digests: Digests | None) -> None:
        if digests is not None and digests.size != link.size:
            raise WeightsRefused(
                f"{link.name} has {link.size} bytes, its checksums are of {digests.size}"
            )
        self.link, self.path, self._digests = link, path, digests
        self.part = path.with_name(path.name + ".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        version: dict[str, Any] = {"etag": link.etag, "size": link.size, "block": BLOCK}
        version["boot"] = "any" if digests is not None else _boot_id()
        self._head = json.dumps(version).encode() + b"\n"
        self._state = os.open(path.with_name(path.name + ".done"), os.O_RDWR | os.O_CREAT, 0o600)
        self._file: int | None = None
        _lock(self._state)
        self._done = self._read_state()

    def _read_state(self) -> set[int]:
        said = os.pread(self._state, len(self._head), 0)
        if said != self._head:
            self._forget()
            return set()
        count = len(every_block(self.link.size))
        flags = os.pread(self._state, count, len(self._head))
        return {number for number, flag in enumerate(flags) if flag}

    def _forget(self) -> None:
        """Another version, or another time: nothing of it is believed."""
        self.part.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        os.ftruncate(self._state, 0)
        os.pwrite(self._state, self._head, 0)

    def is_there(self) -> bool:
        return self.path.is_file() and self.path.stat().st_size == self.link.size

    def wanted(self, source: Source) -> Wanted:
        """The blocks that are missing, and where they go."""
        self._file = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size != self.link.size:
            os.ftruncate(self._file, self.link.size)
            self._done.clear()
        blocks = [number for number in every_block(self.link.size) if number not in self._done]
        return Wanted(source, blocks, keep=self._keep, done=self._note, digests=self._digests)

    def _keep(self, piece: memoryview, at: int) -> None:
        assert self._file is not None
        while piece:
            count = os.pwrite(self._file, piece, at)
            piece, at = piece[count:], at + count

    def _note(self, number: int) -> None:
        os.pwrite(self._state, _HERE, len(self._head) + number)

    def finish(self) -> None:
        self.part.rename(self.path)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        os.close(self._state)


def _lock(descriptor: int) -> None:
    import fcntl  # not on every system; a worker file must import everywhere

    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _boot_id() -> str:
    """Another one means that this machine was switched off since."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
