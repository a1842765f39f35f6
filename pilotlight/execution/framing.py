"""How events travel between a replica's parent and child: one JSON text per line.

JSON text never holds a raw newline. The parent writes without ever blocking, because a stopped
child does not read; the child may block, because without its parent it has nothing to do.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

from pilotlight.contracts import events

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from pilotlight.contracts.events import Event

_CHUNK: Final = 65_536
"""Larger ones are mapped and unmapped by malloc for every message: 20 us of page faults each."""
MOST_BYTES: Final = 64 * 1024**2
"""Longest line: results travel as files, what is longer is a process gone wrong."""


class Frames:
    """Turns what arrives, in any pieces, into whole lines."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def add(self, received: bytes) -> list[bytes]:
        """The lines that are complete now, without their newline.

        Raises ValueError for one that does not end.
        """
        searched = len(self._pending)
        self._pending += received
        end = self._pending.rfind(b"\n", searched)
        if end < 0:
            if len(self._pending) > MOST_BYTES:
                raise ValueError(f"a line of more than {MOST_BYTES} bytes")
            return []
        whole = bytes(self._pending[:end])
        del self._pending[: end + 1]
        return whole.split(b"\n")


class ParentEnd:
    """The parent's side: sending queues what the socket does not take now."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._frames = Frames()
        self._unsent = bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def unsent(self) -> bool:
        """Whether to call :meth:`flush` once the socket is writable."""
        return bool(self._unsent)

    def send(self, event: Event) -> None:
        """Send, or keep for :meth:`flush`. A dead child takes it silently: reading tells."""
        self._unsent += events.encode(event) + b"\n"
        self.flush()

    def flush(self) -> None:
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent)
            except BlockingIOError:
                return
            except OSError:
                self._unsent.clear()
                return
            del self._unsent[:sent]

    def receive(self) -> tuple[list[Event], bool]:
        """The events that have come, and whether the other side is gone.

        Raises ValueError, KeyError or TypeError for what is no event.
        """
        lines: list[bytes] = []
        ended = False
        with contextlib.suppress(BlockingIOError):
            while not ended:
                received = self._receive()
                ended = not received
                lines += self._frames.add(received)
                if len(received) < _CHUNK:
                    break
        return [events.decode(line) for line in lines], ended

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_CHUNK)
        except ConnectionError:
            return b""

    def close(self) -> None:
        self._socket.close()


class ChildEnd:
    """The child's side: any thread may send, one receives."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._lock = threading.Lock()
        self._frames = Frames()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, event: Event) -> None:
        """Raises OSError when the parent is gone."""
        message = events.encode(event) + b"\n"
        with self._lock:
            self._socket.sendall(message)

    def receive(self) -> Iterator[Event]:
        """Block for some events. Raises EOFError when the parent is gone."""
        received = self._socket.recv(_CHUNK)
        if not received:
            raise EOFError
        for line in self._frames.add(received):
            yield events.decode(line)
