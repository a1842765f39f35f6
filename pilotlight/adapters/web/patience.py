"""How long and how much one outbound request may take, whatever the other side does.

A timeout per read is no limit: a server that sends a byte each second never reaches it. Here
every wait is cut to what is left of the whole request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotlight.adapters.web.reasons import failed

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Lengths in seconds; bytes are counted on the wire, heads and framing included."""

    connect_s: float
    """Name, TCP and TLS together."""
    first_byte_s: float
    """From the question to the first byte of the answer."""
    total_s: float
    """All of it, redirects included."""
    max_bytes: int
    min_bytes_per_s: float = 0.0
    """Average below which a reply is given up; 0 asks for none."""
    rate_grace_s: float = 10.0
    """The average is not looked at before this."""


class Patience:
    """The limits of one request as they run out. Raises FetchFailed when one is reached."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._ends = monotonic() + limits.total_s
        self._connect_ends = 0.0
        self._asked_at: float | None = None
        self._answering_since = 0.0
        self._bytes = 0

    @property
    def asked(self) -> bool:
        """Whether anything of the question may have left, over this connection."""
        return self._asked_at is not None

    def connecting(self) -> None:
        """A new connection begins: the first, or the next hop."""
        self._connect_ends = self._monotonic() + self._limits.connect_s
        self._asked_at = None
        self._answering_since = 0.0

    def connect_s(self) -> float:
        """Seconds left to be connected."""
        return self._left(self._connect_ends)

    def write_s(self) -> float:
        """Seconds left to send; the wait for an answer starts over."""
        self._asked_at = self._monotonic()
        return self._left(self._ends)

    def read_s(self) -> float:
        """Seconds the next read may block."""
        if not self._answering_since:
            asked = self._asked_at if self._asked_at is not None else self._monotonic()
            return self._left(asked + self._limits.first_byte_s)
        if not self._limits.min_bytes_per_s:
            return self._left(self._ends)
        paid_for = max(self._limits.rate_grace_s, self._bytes / self._limits.min_bytes_per_s)
        return self._left(self._answering_since + paid_for)

    def received(self, count: int) -> None:
        """Raises FetchFailed ``too_large`` past the limit."""
        self._answering_since = self._answering_since or self._monotonic()
        self._bytes += count
        if self._bytes > self._limits.max_bytes:
            raise failed("too_large")

    def _left(self, moment: float) -> float:
        left = min(moment, self._ends) - self._monotonic()
        if left <= 0:
            raise failed("unreachable")
        return left
