"""Wake-ups between the processes of one machine: datagrams on the loopback interface.

A wake-up is a hint that may be lost; whoever gets one looks at the rows. UDP rather than Unix
datagrams: those hold ten messages here and refuse the eleventh, and their paths are short.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_LOOPBACK = "127.0.0.1"
_MAX_BYTES = 32_000


class WakeSocket:
    """One end: it has a port, hears words, and says words to other ports."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._socket.bind((_LOOPBACK, 0))

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def fileno(self) -> int:
        return self._socket.fileno()

    def say(self, ports: Iterable[int], words: Sequence[str] = ()) -> None:
        """Send the words to each port; a port nobody listens on is no error."""
        for chunk in _chunks(words):
            for port in ports:
                with contextlib.suppress(OSError):
                    self._socket.sendto(chunk, (_LOOPBACK, port))

    def hear(self) -> list[str] | None:
        """The words of everything that has come, or None when nothing has; never blocks."""
        words: list[str] | None = None
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    said = self._socket.recv(65_536)
                except ConnectionRefusedError:
                    continue  # an earlier send of ours met a closed port
                words = (words or []) + said.decode(errors="replace").split()
        return words

    def close(self) -> None:
        self._socket.close()


def _chunks(words: Sequence[str]) -> Iterator[bytes]:
    text = " ".join(words).encode()
    if len(text) <= _MAX_BYTES:
        yield text
        return
    middle = len(words) // 2
    yield from _chunks(words[:middle])
    yield from _chunks(words[middle:])
