"""Names to addresses, within a time limit."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from typing import Final

from pilotlight.adapters.web.reasons import failed

Resolve = Callable[[str, int, float], list[str]]
"""``(host, port, timeout_s)`` to every A and AAAA answer. Raises FetchFailed ``unreachable``."""

MAX_LOOKUPS: Final = 128
"""Under way in one process: the callers choose the names, and with them how slow they are."""
_lookups: Final = threading.BoundedSemaphore(MAX_LOOKUPS)


def by_the_system(host: str, port: int, timeout_s: float) -> list[str]:
    """Ask the system's resolver.

    It cannot be told to hurry, so it is asked in a thread of its own, which is left behind when
    the time is over: a daemon, so that it never holds up the process's exit.
    """
    lookups = _lookups
    if not lookups.acquire(timeout=timeout_s):
        raise failed("unreachable")
    answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
    threading.Thread(
        target=_ask, args=(host, port, answers, lookups), name="resolve", daemon=True
    ).start()
    try:
        return answers.get(timeout=timeout_s)
    except queue.Empty:
        raise failed("unreachable") from None


def _ask(
    host: str, port: int, answers: queue.SimpleQueue[list[str]], lookups: threading.BoundedSemaphore
) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        found = []
    finally:
        lookups.release()
    answers.put([str(sockaddr[0]) for *_, sockaddr in found])
