"""Which bytes of a file are in the system's page cache already."""

from __future__ import annotations

import ctypes
import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def cached_blocks(path: Path, size: int, block: int) -> set[int]:
    """Numbers of the blocks that are there whole; empty where the system cannot tell.

    Asked with mincore(2), which reads nothing; a look by reading would start the disk's read-ahead
    in many places at once.
    """
    mincore = getattr(ctypes.CDLL(None), "mincore", None)
    if mincore is None or not size:
        return set()
    pages = -(-size // mmap.PAGESIZE)
    flags = (ctypes.c_ubyte * pages)()
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY) as mapped:
        first = ctypes.c_char.from_buffer(mapped)
        failed = mincore(ctypes.byref(first), ctypes.c_size_t(size), flags)
        del first  # else the mapping could not be closed
    if failed:
        return set()
    each, there = block // mmap.PAGESIZE, bytes(flags)
    return {
        number
        for number in range(-(-pages // each))
        if all(flag & 1 for flag in there[number * each : (number + 1) * each])
    }
