"""Reads many bytes at once: every thread its own stretch, block by block, checked as they come."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pilotlight import WeightsMissing, WorkerError
from workers.engines.weights.digest import BLOCK
from workers.engines.weights.header import WeightsRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from workers.engines.weights.digest import Digests
    from workers.engines.weights.source import Reader, Source

PIECE: Final = 512 * 1024
"""Read at a time: it stays in a core's cache on its way through checksum and copy."""
LEAST_STRETCH: Final = 4 * BLOCK
TRIES: Final = 5
"""In a row, without one block in between."""
_FIRST_PAUSE_S: Final = 0.1


def file_threads() -> int:
    """A disk is kept busy by few readers in order; its queue is filled by their read-ahead."""
    return min(8, os.cpu_count() or 1)


def http_threads() -> int:
    """One connection to S3 gives some 90 MB/s, so many are needed."""
    return min(32, 4 * (os.cpu_count() or 1))


@dataclass(slots=True)
class Wanted:
    """One source, and which of its blocks."""

    source: Source
    blocks: Sequence[int]
    """In order."""
    keep: Callable[[memoryview, int], None] | None = None
    """Takes bytes and their place; None: they are only wanted in the system's cache."""
    done: Callable[[int], None] | None = None
    """Told of each block that was kept and, where there are checksums, checked."""
    digests: Digests | None = None

    def range_of(self, number: int) -> tuple[int, int]:
        return number * BLOCK, min(self.source.size, (number + 1) * BLOCK)

    def bytes(self) -> int:
        return sum(end - begin for begin, end in map(self.range_of, self.blocks))


def every_block(size: int) -> range:
    return range(-(-size // BLOCK))


@dataclass(slots=True)
class _Stretch:
    """Blocks without a gap."""

    wanted: Wanted
    first: int
    last: int


@dataclass(slots=True)
class _Shared:
    told: Callable[[float], None]
    total: int
    stretches: list[_Stretch]
    lock: threading.Lock = field(default_factory=threading.Lock)
    read: int = 0
    error: BaseException | None = None

    def next(self) -> _Stretch | None:
        with self.lock:
            return self.stretches.pop(0) if self.stretches and self.error is None else None

    def add(self, count: int) -> None:
        with self.lock:
            self.read += count

    def fail(self, error: BaseException) -> None:
        with self.lock:
            self.error = self.error or error


def read(
    wanted: Iterable[Wanted], *, threads: int, told: Callable[[float], None] | None = None
) -> int:
    """Read all of it and return how many bytes that was. ``told`` of the share, on this thread.

    A source that breaks off is asked again for what is missing. Raises WeightsMissing when it
    breaks off TRIES times without a block in between, WeightsRefused for a wrong checksum.
    """
    every = list(wanted)
    total = sum(one.bytes() for one in every)
    stretches = _stretches(every, max(LEAST_STRETCH, -(-total // max(1, threads))))
    shared = _Shared(told or (lambda _share: None), total, stretches)
    count = min(threads, len(stretches))
    if count <= 1:
        _work(shared)
    else:
        helpers = [threading.Thread(target=_work, args=(shared,)) for _ in range(count)]
        for helper in helpers:
            helper.start()
        for helper in helpers:
            while helper.is_alive():
                helper.join(0.2)
                shared.told(shared.read / max(1, total))
    if shared.error is not None:
        raise shared.error
    shared.told(1.0)
    return total


def _stretches(every: Iterable[Wanted], most: int) -> list[_Stretch]:
    """Neighbouring blocks together, up to ``most`` bytes."""
    longest = -(-most // BLOCK)
    found: list[_Stretch] = []
    for wanted in every:
        open_: _Stretch | None = None
        for number in wanted.blocks:
            follows = open_ is not None and number == open_.last + 1
            if open_ is not None and follows and number - open_.first < longest:
                open_.last = number
            else:
                open_ = _Stretch(wanted, number, number)
                found.append(open_)
    return found


def _work(shared: _Shared) -> None:
    buffer = memoryview(bytearray(PIECE))
    try:
        while (stretch := shared.next()) is not None:
            _read_stretch(stretch, shared, buffer)
    except BaseException as error:  # noqa: BLE001 - raised again on the thread that asked
        shared.fail(error)


def _read_stretch(stretch: _Stretch, shared: _Shared, buffer: memoryview) -> None:
    """Begin again at the first block that is missing, on a new connection, for TRIES times."""
    source, failures = stretch.wanted.source, 0
    reader = source.open()
    try:
        while stretch.first <= stretch.last and shared.error is None:
            before = stretch.first
            try:
                begin = stretch.wanted.range_of(stretch.first)[0]
                reader.start(begin, stretch.wanted.range_of(stretch.last)[1])
                while stretch.first <= stretch.last and shared.error is None:
                    _read_block(stretch, reader, shared, buffer)
            except OSError as error:
                failures = failures + 1 if stretch.first == before else 1
                if failures >= TRIES or (failures > 1 and isinstance(error, _Spoilt)):
                    raise _final(error, source.name) from None
                threading.Event().wait(_FIRST_PAUSE_S * 2 ** (failures - 1))
                reader.close()
                reader = source.open()
    finally:
        reader.close()


def _read_block(stretch: _Stretch, reader: Reader, shared: _Shared, buffer: memoryview) -> None:
    wanted, number = stretch.wanted, stretch.first
    at, end = wanted.range_of(number)
    digest = hashlib.sha256() if wanted.digests is not None else None
    while at < end:
        count = reader.fill(buffer[: min(PIECE, end - at)])
        piece = buffer[:count]
        if digest is not None:
            digest.update(piece)
        if wanted.keep is not None:
            wanted.keep(piece, at)
        at += count
        shared.add(count)
    if digest is not None and wanted.digests is not None:
        try:
            wanted.digests.check(number, digest.hexdigest(), wanted.source.name)
        except WeightsRefused as problem:
            raise _Spoilt(str(problem)) from None
    stretch.first += 1
    if wanted.done is not None:
        wanted.done(number)


class _Spoilt(OSError):
    """A block with another checksum. A wire may have done that; twice, and it is so at its source."""


def _final(error: OSError, name: str) -> WorkerError:
    if isinstance(error, _Spoilt):
        return WeightsRefused(str(error))
    return WeightsMissing(f"{name}: {error}")
