"""The process that decodes callers' media, as the worker's process holds it.

One is kept for pictures; a film or a sound gets one of its own for as long as it lasts. What kills
it, or takes too long, is the file's fault: the caller is told which field.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from pilotlight import InvalidInput, Problem
from workers.engines.media.decoding import LENGTHS

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM: Final = Path(__file__).with_name("decoding.py")
CPU_S: Final = 60
"""Processor time for one picture (reliability, section 3.4)."""
LONG_CPU_S: Final = 3600
"""For a film or a sound, whose length is limited by itself and by the job's own time."""
WAIT_S: Final = 120
"""Between two words of it: a machine may be busy, a file may not hold a slot for ever."""
MOST_PIXELS: Final = 40_000_000
"""Of a picture, or of one frame of a film."""
MOST_FRAMES: Final = 18_000
"""Five minutes at 60 a second."""
MOST_SOUND_S: Final = 7200
PIPE_BYTES: Final = 1024**2
"""As large as Linux lets anybody make a pipe: a picture is then some pieces, not hundreds."""
ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""All of it: no key is in there. On a machine of many cores each of numpy's threads would map its
own share of the memory that is allowed."""

Field = str | tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    head: dict[str, Any]
    data: bytearray


class _Broken(Exception):
    """It ended, or did not answer in time."""


class Decoder:
    """One process, started when it is first asked. One request at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, source: Path | bytes, field: Field, **wishes: Any) -> Iterator[Part]:
        """The parts of its answer, as they come. A caller that stops early must close it.

        Raises InvalidInput that names ``field`` for a file that it refuses or that breaks it.
        """
        body = source if isinstance(source, bytes) else b""
        path = "" if isinstance(source, bytes) else str(source)
        try:
            self._say({"cpu_s": CPU_S, **wishes, "path": path, "bytes": len(body)}, body)
            while not (part := self._heard()).head.get("end"):
                if "refused" in part.head:
                    raise refused(field, part.head["refused"], part.head["type"])
                yield part
        except (_Broken, BrokenPipeError):
            self.close()
            raise refused(
                field, "takes too much time or memory to be read", "file_too_large"
            ) from None

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()

    def _say(self, asked: dict[str, Any], body: bytes) -> None:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(  # noqa: S603 - our own file, no shell
                [sys.executable, "-I", str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=ENVIRONMENT,
            )
            _widen(self._process.stdout)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n" + body)

    def _heard(self) -> Part:
        head_bytes, data_bytes = LENGTHS.unpack(self._exactly(LENGTHS.size))
        return Part(json.loads(self._exactly(head_bytes)), self._exactly(data_bytes))

    def _exactly(self, count: int) -> bytearray:
        """Raises _Broken for a process that has ended, or says nothing for too long."""
        assert self._process is not None
        assert self._process.stdout is not None
        read, taken = bytearray(count), 0
        while taken < count:
            said = select.select([self._process.stdout], [], [], WAIT_S)[0]
            got = os.readv(self._process.stdout.fileno(), [memoryview(read)[taken:]]) if said else 0
            if not got:
                raise _Broken
            taken += got
        return read


class Kept:
    """A decoder that is there for the next file as well; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoder = Decoder()

    def one(self, source: Path | bytes, field: Field, **wishes: Any) -> Part:
        """As :meth:`Decoder.ask`, for what has one part."""
        with self._lock:
            (part,) = self._decoder.ask(source, field, **wishes)
        return part

    def close(self) -> None:
        self._decoder.close()


@functools.cache
def kept() -> Kept:
    """Of this process."""
    made = Kept()
    atexit.register(made.close)
    return made


def parts(source: Path, field: Field, **wishes: Any) -> Iterator[Part]:
    """From a decoder of its own, which ends with the last part or when the caller stops."""
    decoder = Decoder()
    try:
        yield from decoder.ask(source, field, cpu_s=LONG_CPU_S, **wishes)
    finally:
        decoder.close()


def _widen(pipe: IO[bytes] | None) -> None:
    """Where the system has such a thing and room for it."""
    import fcntl

    if pipe is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def refused(field: Field, words: str, kind: str) -> InvalidInput:
    loc = (field,) if isinstance(field, str) else field
    said = ".".join(str(part) for part in loc)
    return InvalidInput(f"{said} {words}", Problem(("body", *loc), words, kind))
